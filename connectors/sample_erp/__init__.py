"""Speaks to the sample ERP: a relational database of its own."""
