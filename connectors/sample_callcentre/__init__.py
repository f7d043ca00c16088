"""Speaks to the sample call centre: pushes calls, takes a suppression list as a file."""
