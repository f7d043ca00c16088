"""Speaks to the sample web shop: REST with conditional writes and signed webhooks."""
