"""`python -m samples.callcentre --data DIR`: run the call centre until a signal ends it.

Secrets: CALLCENTRE_API_KEY (what it shows to the hub), CALLCENTRE_AMQP_PASSWORD (with --amqp). Events go to the broker
when --amqp is given, else to the hub's HTTP door.
"""

from __future__ import annotations

from samples.callcentre.amqp import user_in
from samples.callcentre.app import CallCentre, build_app
from samples.callcentre.store import CallCentreStore
from samples.callcentre.suppression import SuppressionFolder
from samples.serving.journal import Journal
from samples.serving.process import parser, serve
from samples.serving.secret import optional_secret


def main() -> None:
    """Read the arguments and serve."""
    arguments = parser("callcentre", "The sample call centre: the agents' desktop at /desktop, lists in DIR/inbox.")
    arguments.add_argument("--hub-url", help="the hub's HTTP address; kept for the next start")
    arguments.add_argument("--amqp", help="amqp://user@host:port/vhost, no password; kept for the next start")
    arguments.add_argument("--system", default="callcentre", help="this system's name at the hub")
    arguments.add_argument("--publish-history", action="store_true", help="publish the past at the first start")
    options = arguments.parse_args()
    if options.amqp:
        try:
            user_in(options.amqp)
        except ValueError as error:
            arguments.error(f"--amqp: {error}")
    options.data.mkdir(parents=True, exist_ok=True)
    store, journal = CallCentreStore(options.data, options.system), Journal(options.data / "journal.jsonl")
    for name in ("hub_url", "amqp"):
        if value := getattr(options, name):
            store.set(name, value)
    if options.publish_history:
        store.publish_history()
    centre = CallCentre(
        store=store,
        journal=journal,
        folder=SuppressionFolder(options.data, store, journal),
        system=options.system,
        api_key=lambda: optional_secret("CALLCENTRE_API_KEY"),
        amqp_password=lambda: optional_secret("CALLCENTRE_AMQP_PASSWORD"),
        admin_token=optional_secret("SAMPLES_ADMIN_TOKEN"),
    )
    serve(build_app(centre), options.host, options.port)
    store.close()
    journal.close()


if __name__ == "__main__":
    main()
