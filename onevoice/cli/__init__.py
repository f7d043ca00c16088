"""The `onevoice` command: one module for each group of commands; what they do stands in the rooms below."""

from onevoice.cli.app import app, main

__all__ = ["app", "main"]
