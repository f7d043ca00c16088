"""Speaks to Tryton, an ERP: parties over JSON-RPC, with the server's own optimistic lock on every write."""
