"""Speaks to django-oscar, a web shop, over its REST API: customers, guests and orders in full sweeps."""
