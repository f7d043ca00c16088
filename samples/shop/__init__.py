"""The sample web shop: customers and orders over REST, with signed webhooks."""
