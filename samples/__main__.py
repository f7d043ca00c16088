"""`python -m samples --data DIR`: run the whole company until Ctrl-C, or only write its stores (`--seed-only`).

The ERP is SQLite under DIR, or the database that ERP_URL names.
"""

from __future__ import annotations

import argparse
import json
import signal
from pathlib import Path

from samples.company import Company
from samples.seeding import seed
from samples.serving.secret import optional_secret


def main() -> None:
    """Read the arguments, seed, and run."""
    parser = argparse.ArgumentParser(prog="python -m samples", description="The sample company and its four systems.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the company; continues what is there")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seed-only", action="store_true", help="write the stores and truth.csv, start nothing")
    options = parser.parse_args()
    erp_url = optional_secret("ERP_URL")
    if options.seed_only:
        seed(options.data, options.people, options.seed, erp_url)
        return
    stop = {signal.SIGINT, signal.SIGTERM}
    # SIGTERM while the servers start ends them too, as Ctrl-C does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Company(options.data, people=options.people, seed_number=options.seed, erp_url=erp_url) as company:
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        systems = {name: url for name, url in company.urls.items() if name != "erp" or erp_url is None}
        print(json.dumps({"ready": True, "urls": systems, "secrets": str(company.directory / "secrets")}), flush=True)
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
