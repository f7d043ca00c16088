"""A small club's membership service over REST, to try connecting something on."""
