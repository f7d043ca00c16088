"""The sample call centre: publishes calls and do-not-call requests, takes a suppression list as a file."""
