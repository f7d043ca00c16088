"""The loyalty-card system as its owner has it: on a real MariaDB, its own people at work, few rights for others."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from onevoice.testing.servers import PrivateMariadb
from samples.loyalty import statements

HUB_PASSWORD = "the-hub-may-do-little"
WRITABLE = "mail, mobile, street, town, zip, country, mail_ok, call_ok"


class Loyalty:
    """The system as its owner has it: a database, and its own people at work."""

    def __init__(self, mariadb: PrivateMariadb) -> None:
        self._mariadb = mariadb
        self.name = mariadb.create_database()
        own = mariadb.url(self.name).replace("mariadb://", "mariadb+pymysql://")
        # The maker's program: its own rules for values, and the town's time.
        session = {"init_command": "SET sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+01:00'"}
        self.engine = sa.create_engine(own, isolation_level="AUTOCOMMIT", connect_args=session)
        self.user = f"hub_{self.name[-8:]}"
        self.run(*statements())
        here = f"'{self.user}'@'127.0.0.1'"
        self.run(
            f"CREATE USER {here} IDENTIFIED BY '{HUB_PASSWORD}'",
            f"GRANT SELECT, UPDATE ({WRITABLE}) ON card_holders TO {here}",
            f"GRANT SELECT ON card_holders_log TO {here}",
            f"GRANT SELECT ON purchases TO {here}",
        )

    @property
    def address(self) -> str:
        return f"mariadb://{self.user}@127.0.0.1:{self._mariadb.port}/{self.name}"

    def run(self, *commands: str, **values: Any) -> None:
        with self.engine.connect() as connection:
            for command in commands:
                connection.execute(sa.text(command.replace(":", "\\:") if not values else command), values)

    def card(self, number: str, name: str, **fields: str) -> None:
        given = {"card_no": number, "holder_name": name, **fields}
        names = ", ".join(given)
        self.run(f"INSERT INTO card_holders ({names}) VALUES ({', '.join(f':{one}' for one in given)})", **given)

    def row(self, number: str) -> dict[str, Any]:
        with self.engine.connect() as connection:
            found = connection.execute(sa.text("SELECT * FROM card_holders WHERE card_no = :no"), {"no": number})
            return dict(found.mappings().one())

    def close(self) -> None:
        self.run(f"DROP USER '{self.user}'@'127.0.0.1'")
        self.engine.dispose()
        self._mariadb.drop_database(self.name)
