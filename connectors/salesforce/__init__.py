"""Speaks to Salesforce over its partner SOAP API: queries, changes and deletes since, upsert, sessions, call limits."""
