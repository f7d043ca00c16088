"""Listens to Asterisk over its Manager Interface: a call becomes one record; a do-not-call file goes the other way."""
