-- Loyalty cards. Text is Latin-1, times are British local time without a zone and in whole seconds, flags are Y or N.
-- The log is filled by triggers; other triggers tidy what is entered, and refuse changes of locked cards.

CREATE TABLE card_holders (
    card_no CHAR(12) NOT NULL PRIMARY KEY,
    holder_name VARCHAR(80) NOT NULL,
    sex CHAR(1) NOT NULL DEFAULT '',
    dob DATE NOT NULL DEFAULT '0000-00-00',
    mail VARCHAR(100) NOT NULL DEFAULT '',
    mail_confirmed CHAR(1) NOT NULL DEFAULT 'N',
    mobile VARCHAR(30) NOT NULL DEFAULT '',
    street VARCHAR(80) NOT NULL DEFAULT '',
    town VARCHAR(60) NOT NULL DEFAULT '',
    zip VARCHAR(12) NOT NULL DEFAULT '',
    country CHAR(2) NOT NULL DEFAULT 'GB',
    mail_ok CHAR(1) NOT NULL DEFAULT 'N',
    call_ok CHAR(1) NOT NULL DEFAULT 'N',
    points INT NOT NULL DEFAULT 0,
    status CHAR(1) NOT NULL DEFAULT 'A',
    touched DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARSET = latin1;

CREATE TABLE card_holders_log (
    entry BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    card_no CHAR(12) NOT NULL,
    op CHAR(1) NOT NULL,
    at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    KEY by_card (card_no, entry)
) ENGINE = InnoDB DEFAULT CHARSET = latin1;

CREATE TABLE purchases (
    purchase_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    card_no CHAR(12) NOT NULL,
    receipt_no VARCHAR(20) NOT NULL,
    bought_at DATETIME NOT NULL,
    amount DECIMAL(9, 2) NOT NULL,
    currency CHAR(3) NOT NULL DEFAULT 'GBP',
    CONSTRAINT of_a_card FOREIGN KEY (card_no) REFERENCES card_holders (card_no) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = latin1;

CREATE TRIGGER card_holders_tidy BEFORE UPDATE ON card_holders FOR EACH ROW
BEGIN
    IF old.status = 'L' AND new.status = 'L' THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'card is locked';
    END IF;
    SET new.mobile = REPLACE(new.mobile, ' ', '');
    SET new.touched = CURRENT_TIMESTAMP;
    IF new.mail <> old.mail THEN
        SET new.mail_confirmed = 'N';
    END IF;
END;

CREATE TRIGGER card_holders_made AFTER INSERT ON card_holders FOR EACH ROW
INSERT INTO card_holders_log (card_no, op) VALUES (new.card_no, 'I');

CREATE TRIGGER card_holders_changed AFTER UPDATE ON card_holders FOR EACH ROW
INSERT INTO card_holders_log (card_no, op) VALUES (new.card_no, 'U');

CREATE TRIGGER card_holders_gone AFTER DELETE ON card_holders FOR EACH ROW
INSERT INTO card_holders_log (card_no, op) VALUES (old.card_no, 'D');

