"""What others need to test against Onevoice; ships with the package."""
