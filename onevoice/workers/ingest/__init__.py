"""Ingest: check and map a batch, then accept, resolve, merge and oblige in one transaction, then acknowledge."""

from onevoice.workers.ingest.batch import Ingest

__all__ = ["Ingest"]
