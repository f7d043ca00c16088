"""One folder per connector; each is found by its `manifest.yaml`."""
