"""Serves an organisation with a few contacts until it is interrupted: `python -m samples.partner --port 8091`."""

import argparse
import threading

from samples.partner.organisation import Organisation
from samples.partner.server import served
from samples.partner.service import PartnerService

USERNAME, PASSWORD = "onevoice@partner.example", "partner-p4ssword"


def main() -> None:
    parser = argparse.ArgumentParser(prog="samples.partner", description=__doc__)
    parser.add_argument("--port", type=int, default=8091, help="port on this machine (8091)")
    organisation = Organisation()
    for given, family in (("Ann", "Smith"), ("Bob", "Jones"), ("Zoë", "Marshall")):
        mail = f"{given}.{family}@example.com".lower()
        organisation.add("Contact", FirstName=given, LastName=family, Email=mail, MailingCountryCode="GB")
        organisation.pass_time(60)
    service = PartnerService(organisation, USERNAME, PASSWORD)
    with served(service, parser.parse_args().port) as url:
        print(f"log in at {url} as {USERNAME} with {PASSWORD}; ^C ends it", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("closed")


if __name__ == "__main__":
    main()
