"""What a run costs: processor time of named processes and their children, from one reading to the next."""

import os
from collections.abc import Mapping

import psutil


class Meter:
    """Counts processor seconds since it was made, those of children that have ended included."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = dict(processes)
        self._start = self._read()

    def seconds(self) -> dict[str, float]:
        """Return the seconds used since the start, by name."""
        now = self._read()
        return {name: max(0.0, now[name] - before) for name, before in self._start.items()}

    def _read(self) -> dict[str, float]:
        return {name: _tree_seconds(pid) for name, pid in self._processes.items()}


def _tree_seconds(pid: int) -> float:
    total = 0.0
    if pid == os.getpid():  # all that is measured is a child of ours, and counted under its own name
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess:
        return total
    return total
