"""The sample ERP: customers, addresses and orders in a relational database of its own."""
