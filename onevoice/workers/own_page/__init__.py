"""The customer's own page: what customers see, wish, confirm and are given in writing, without a login."""

from onevoice.workers.own_page.confirmation import Confirmed
from onevoice.workers.own_page.page import OwnPage, Saved, open_own_page
from onevoice.workers.own_page.standing import Choice, Form, Standing, Wishes
from onevoice.workers.own_page.stop import Stopping

__all__ = [
    "Choice",
    "Confirmed",
    "Form",
    "OwnPage",
    "Saved",
    "Standing",
    "Stopping",
    "Wishes",
    "open_own_page",
]
