"""A server that speaks a Salesforce-style partner SOAP API, as far as the published documentation of such APIs says."""
