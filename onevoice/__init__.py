"""Onevoice: an integration hub that gives a company one master customer record across its existing systems."""

__version__ = "0.1.0"
