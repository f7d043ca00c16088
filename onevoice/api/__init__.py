"""The HTTP door: records in, customers and context out, and what operators need. OpenAPI is generated from it."""

from onevoice.api.app import create_app
from onevoice.api.server import serve

__all__ = ["create_app", "serve"]
