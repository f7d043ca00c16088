"""`python -m samples.crm --data DIR`: run the CRM until a signal ends it. The password is in CRM_PASSWORD."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from samples.crm.server import CrmServer
from samples.crm.service import CrmService
from samples.crm.store import CrmStore
from samples.serving.journal import Journal
from samples.serving.process import announce, parser
from samples.serving.secret import optional_secret, secret


def main() -> None:
    """Read the arguments and serve."""
    arguments = parser("crm", "The sample CRM: SOAP at /soap, its WSDL at /soap?wsdl.")
    arguments.add_argument("--username", default="onevoice@crm.example", help="the integration user")
    options = arguments.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    store, journal = CrmStore(options.data), Journal(options.data / "journal.jsonl")
    service = CrmService(store, journal, options.username, secret("CRM_PASSWORD"))
    server = CrmServer(options.host, options.port, service, optional_secret("SAMPLES_ADMIN_TOKEN"))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    announce(f"{server.url}/soap")
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    store.close()
    journal.close()


if __name__ == "__main__":
    main()
