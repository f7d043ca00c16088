"""Recorded exchanges with a system over HTTP: how they are made, scrubbed, played back, and played back wrongly."""

from onevoice.testing.exchanges.fixture import FOLDER, Exchange, Fixture, fixtures_of
from onevoice.testing.exchanges.line import moved, tapped
from onevoice.testing.exchanges.play import played
from onevoice.testing.exchanges.record import record

__all__ = ["FOLDER", "Exchange", "Fixture", "fixtures_of", "moved", "played", "record", "tapped"]
