"""Speaks to the sample CRM: partner SOAP with a session, paging by locator and a result per record."""
