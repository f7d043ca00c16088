"""Serves a founded club until it is interrupted: `python -m samples.club --port 8090`."""

import argparse
import threading

from samples.club.service import KEY, founded, served


def main() -> None:
    parser = argparse.ArgumentParser(prog="samples.club", description=__doc__)
    parser.add_argument("--port", type=int, default=8090, help="port on this machine (8090)")
    with served(founded(), parser.parse_args().port) as club:
        print(f"the club answers at {club.url}; its key is {KEY}; ^C ends it", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("the club is closed")


main()
