"""Reads mailboxes over IMAP and changes nothing in them: mails as interactions, bounces and complaints as acts."""
