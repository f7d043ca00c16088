"""`python -m samples.shop --data DIR`: run the web shop until a signal ends it.

Secrets: SHOP_API_TOKEN (what integrations show), SHOP_WEBHOOK_SECRET (what webhooks are signed with).
"""

from __future__ import annotations

from samples.serving.bucket import TokenBucket
from samples.serving.journal import Journal
from samples.serving.process import parser, serve
from samples.serving.secret import optional_secret, secret
from samples.shop.app import Shop, build_app
from samples.shop.store import ShopStore


def main() -> None:
    """Read the arguments and serve."""
    arguments = parser("shop", "The sample web shop: REST at /api, the customer's own page at /storefront.")
    arguments.add_argument("--webhook-url", help="where signed webhooks go; kept for the next start")
    arguments.add_argument("--rate", type=float, default=50, help="API calls a second")
    arguments.add_argument("--burst", type=int, default=100, help="API calls at once")
    options = arguments.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    store, journal = ShopStore(options.data), Journal(options.data / "journal.jsonl")
    if options.webhook_url:
        store.subscribe(options.webhook_url)
    shop = Shop(
        store=store,
        journal=journal,
        bucket=TokenBucket(options.rate, options.burst),
        api_token=secret("SHOP_API_TOKEN"),
        webhook_secret=secret("SHOP_WEBHOOK_SECRET"),
        admin_token=optional_secret("SAMPLES_ADMIN_TOKEN"),
    )
    serve(build_app(shop), options.host, options.port)
    store.close()
    journal.close()


if __name__ == "__main__":
    main()
