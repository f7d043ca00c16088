"""The only place where real things are wired and run."""
