"""A django-oscar web shop with its API, as its own documentation sets one up. Runs in `.venv-oscar` alone."""
