"""Sets a new shop up as its people would: a product, a country, an administrator and the hub's own user."""

from django.contrib.auth.models import Permission, User
from oscar.core.loading import get_model
from oscar.test.factories import create_product


def furnish() -> None:
    """Put into an empty shop what it needs to sell something."""
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="GB", printable_name="United Kingdom", is_shipping_country=True
    )
    create_product(title="A book", price=10, num_in_stock=100_000)
    User.objects.create_superuser("owner", "owner@shop.example", "a-throw-away-owner")
    hub = User.objects.create_user("onevoice", "", "the-hub-is-no-owner", is_staff=True)
    for name in ("view_user", "change_user", "view_order"):
        hub.user_permissions.add(Permission.objects.get(codename=name))


furnish()
