"""Connectors that need no code: manifest and mapping say it all. One class a kind, made from `Manifest.declared`."""
