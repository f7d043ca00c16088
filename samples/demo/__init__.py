"""The demonstration: the sample company, a hub between its systems, one story told and verified."""

from samples.demo.tell import demo

__all__ = ["demo"]
