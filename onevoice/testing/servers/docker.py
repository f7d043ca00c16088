"""Private servers from the official Docker images, for machines without the server programs.

NEVER RUN: the machines on which this project was built had no Docker engine. Bound to 127.0.0.1, under the caller's
own account, with data in the server's folder; the container goes away with its keeper.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

POSTGRES_IMAGE = "postgres:17.6-bookworm"
RABBIT_IMAGE = "rabbitmq:4.1.4-management"
PROBE_SECONDS = 15


def docker_answers() -> bool:
    """Tell whether there is a docker client whose engine answers."""
    client = shutil.which("docker")
    if client is None:
        return False
    try:
        done = subprocess.run([client, "info"], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def run_command(
    name: str,
    image: str,
    *,
    ports: Mapping[int, int],
    mounts: Mapping[Path, str],
    env: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> list[str]:
    """Return the command that runs `image` in the foreground as container `name`.

    Args:
        ports: port on 127.0.0.1 -> port in the container.
        mounts: path here -> path in the container.
    """
    command = ["docker", "run", "--rm", "--name", name, "--hostname", "onevoice"]
    command += ["--user", f"{os.geteuid()}:{os.getegid()}"]
    for outside, inside in ports.items():
        command += ["--publish", f"127.0.0.1:{outside}:{inside}"]
    for path, target in mounts.items():
        command += ["--volume", f"{path}:{target}"]
    for key, value in env.items():
        command += ["--env", f"{key}={value}"]
    return [*command, image, *arguments]


def kill_command(name: str) -> list[str]:
    """Return the command that kills container `name`."""
    return ["docker", "kill", "--signal", "KILL", name]
