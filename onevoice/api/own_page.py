"""Doors without a login: the customer's own page, one-click unsubscribe (RFC 8058), confirmations, receipts.

The signed link is the key. The one rule: GET changes nothing; POST needs neither cookie nor session; no answer tells
more than the link's own customer may know.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from onevoice.api.body import limited
from onevoice.api.caller import AnyCaller
from onevoice.api.page_text import ENGLISH, PageText, chosen, page_texts
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import CustomersHere
from onevoice.errors import OnevoiceError, RecordError, RefusedError
from onevoice.workers.hub import Hub
from onevoice.workers.links import Signing
from onevoice.workers.own_page import Form, OwnPage, Wishes, open_own_page
from onevoice.workers.own_page.confirmation import Confirmed
from onevoice.workers.own_page.standing import CHANNELS, FREQUENCIES, HOURS
from onevoice.workers.own_page.stop import Stopping, Stops

router = APIRouter(tags=["own page"])
public = APIRouter(tags=["own page"], default_response_class=HTMLResponse)

_STYLE = """body{font:1rem/1.5 system-ui,sans-serif;margin:0;color:#1b1b1b;background:#fff}
main{max-width:44rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #ddd}[role=status]{background:#e8f3e8;padding:.6rem}
button{font:inherit;padding:.5rem 1.2rem}input,select{font:inherit}"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_PAGES = Environment(loader=PackageLoader("onevoice.api", "pages"), autoescape=True)
_TEXTS = page_texts()
_MOST_FIELDS, _MOST_BYTES = 300, 1 << 16
_HTML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


@dataclass(frozen=True, slots=True)
class Doors:
    """The pages, where the hub has a secret to sign links with."""

    page: OwnPage
    stops: Stops
    signing: Signing


def open_doors(hub: Hub) -> Doors | None:
    """Return the pages of a hub; None where it has no secret.

    Raises:
        ConfigurationError: the secret is missing or too short.
    """
    signing = hub.signing
    if signing is None:
        return None
    page = open_own_page(hub, signing)
    return Doors(page, Stops(store=hub.store, acts=page.acts, signing=signing), signing)


async def _doors(request: Request) -> Doors:
    doors: Doors | None = request.app.state.own_pages
    if doors is None:
        raise ProblemError(404, "this hub has no pages for customers; see hub.secret and api.public_url")
    return doors


DoorsHere = Annotated[Doors, Depends(_doors)]


async def _form(request: Request, body: Annotated[bytes, Depends(limited(_MOST_BYTES))]) -> FormData:
    """Return a form in either of its codings; RFC 8058 has mailboxes send multipart or urlencoded."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        form = await Request(request.scope, receive).form(max_files=0, max_fields=_MOST_FIELDS)
    except HTTPException:
        raise ProblemError(400, "the form cannot be read") from None
    if any("\0" in str(value) for value in form.values()):
        raise ProblemError(422, "the form holds the character NUL, which no store can keep")
    return form


FormHere = Annotated[FormData, Depends(_form)]
Accepted = Annotated[str | None, Header(alias="Accept-Language", max_length=1000)]


class PageOf(BaseModel):
    """Whose page."""

    model_config = ConfigDict(extra="forbid")

    ref: Annotated[str, Field(min_length=1, max_length=600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A link that opens a customer's page for thirty days to whoever holds it: give it to the customer alone."""

    page: str


@router.post("/self", status_code=201)
def link_to_own_page(asked: PageOf, _caller: AnyCaller, doors: DoorsHere, customers: CustomersHere) -> PageLink:
    """Return a link to the customer's own page, for a message or for an account that they are logged in to."""
    found = customers.find(asked.ref)
    if len(found) != 1:
        raise ProblemError(404, f"{len(found)} customers fit this reference; name one of them")
    return PageLink(page=doors.page.link(found[0]))


@router.get("/self/key")
def key_of_receipts(doors: DoorsHere) -> dict[str, Any]:
    """Return the public key that receipts are checked with, as a JSON Web Key Set (RFC 7517)."""
    return {"keys": [doors.signing.public_key()]}


@public.get("/self/{link}", responses=_HTML)
def look_at_own_page(
    link: str, doors: DoorsHere, accepted: Accepted = None, saved: str = "", asked: int = 0
) -> Response:
    """Show a customer their own page. Nothing is changed by looking."""
    try:
        standing = doors.page.look(link)
    except RefusedError as error:
        return _refused(error)
    text = chosen(_TEXTS, standing.language, accepted)
    if text.language != standing.language:  # its titles follow the page's language
        standing = doors.page.look(link, text.language)
    notes = [text({"yes": "saved", "no": "nothing_changed"}[saved])] if saved in ("yes", "no") else []
    if asked:
        notes = [*notes, text("sent")]
    return _shown(
        "own_page.html",
        text,
        "yours",
        page=standing,
        notes=notes,
        channels=CHANNELS,
        frequencies=FREQUENCIES,
        hours=HOURS,
        receipt=f"{link}/receipt",
    )


@public.post("/self/{link}", responses=_HTML)
def save_own_page(link: str, form: FormHere, doors: DoorsHere, accepted: Accepted = None) -> Response:
    """Keep what a customer says on their own page."""
    try:
        saved = doors.page.save(link, _read(form))
    except RefusedError as error:
        return _refused(error)
    except RecordError:
        text = chosen(_TEXTS, None, accepted)
        return _told(text, text("wrong_form"), 422)
    place = f"{link}?saved={'yes' if saved.changed else 'no'}&asked={len(saved.asked_at)}"
    return RedirectResponse(place, status_code=303, headers=_HEADERS)


@public.get("/self/{link}/receipt", response_class=Response)
def receipt_of_own_page(link: str, doors: DoorsHere) -> Response:
    """Return what the customer said about being contacted, in the fields of ISO/IEC TS 27560, signed (RFC 7515)."""
    try:
        signed = doors.page.receipt(link)
    except RefusedError as error:
        return _refused(error)
    attached = {"Content-Disposition": 'attachment; filename="consent-receipt.jws"'}
    return Response(signed, media_type="application/jose", headers=_HEADERS | attached)


@public.get("/unsubscribe/{link}", responses=_HTML)
def look_at_unsubscribe(link: str, doors: DoorsHere, accepted: Accepted = None) -> Response:
    """Show what following the link stops, with a button. Nothing is changed by looking."""
    try:
        return _stopping(doors.stops.look(link), accepted)
    except RefusedError as error:
        return _refused(error)


@public.post("/unsubscribe/{link}", responses=_HTML)
def unsubscribe(link: str, form: FormHere, doors: DoorsHere, accepted: Accepted = None) -> Response:
    """Stop what the message was sent under: one click (RFC 8058), with `List-Unsubscribe=One-Click` in the body."""
    if form.get("List-Unsubscribe") != "One-Click":
        raise ProblemError(400, "send List-Unsubscribe=One-Click in the body, as RFC 8058 says")
    try:
        return _stopping(doors.stops.stop(link), accepted)
    except RefusedError as error:
        return _refused(error)


@public.get("/confirm/{link}", responses=_HTML)
def look_at_confirmation(link: str, doors: DoorsHere, accepted: Accepted = None) -> Response:
    """Show what following the link confirms, with a button. Nothing is changed by looking."""
    try:
        return _confirmation(doors, doors.page.to_confirm(link), accepted)
    except RefusedError as error:
        return _refused(error)


@public.post("/confirm/{link}", responses=_HTML)
def confirm(link: str, doors: DoorsHere, accepted: Accepted = None) -> Response:
    """Confirm a yes or a new contact point from the point itself (double opt-in)."""
    try:
        return _confirmation(doors, doors.page.confirm(link), accepted)
    except RefusedError as error:
        return _refused(error)


def _confirmation(doors: Doors, wanted: Confirmed, accepted: str | None) -> Response:
    text = chosen(_TEXTS, wanted.language, accepted)
    purpose = doors.page.gate.rules.purposes.get(wanted.purpose or "")
    title = purpose.said_in(text.language).title if purpose else wanted.purpose
    return _shown("confirm.html", text, "confirm", wanted=wanted, purpose=title)


def _stopping(stopping: Stopping, accepted: str | None) -> Response:
    text = chosen(_TEXTS, stopping.language, accepted)
    return _shown("unsubscribe.html", text, "unsubscribe", stopping=stopping)


def _read(form: FormData) -> Form:
    """Return what the form says; a word that the page has not is as if left out."""
    given = {name: str(value).strip() for name, value in form.items() if isinstance(value, str)}
    wishes = Wishes(
        channel=given.get("channel", "") if given.get("channel") in CHANNELS else "",
        frequency=given.get("frequency", "") if given.get("frequency") in FREQUENCIES else "",
        hours=given.get("hours", "") if given.get("hours") in HOURS else "",
        topics=frozenset(str(one) for one in form.getlist("topic")),
    )
    return Form(
        choices={name: value == "yes" for name, value in given.items() if name.startswith("say-")},
        wishes=wishes if "frequency" in given else None,
        nothing_at_all=given.get("nothing") == "yes",
        profile={name: given[name] for name in ("given_name", "family_name", "language") if given.get(name)},
        email=given.get("email", ""),
        phone=given.get("phone", ""),
    )


def _shown(template: str, text: PageText, title: str, **values: Any) -> Response:
    page = _PAGES.get_template(template).render(title=text(title), style=_STYLE, text=text, **values)
    return HTMLResponse(page, headers=_HEADERS)


def _told(text: PageText, told: str, status: int) -> Response:
    page = _PAGES.get_template("message.html").render(title=text("not_possible"), style=_STYLE, text=text, told=told)
    return HTMLResponse(page, status_code=status, headers=_HEADERS)


def _refused(error: OnevoiceError) -> Response:
    return _told(_TEXTS[ENGLISH], str(error), 409)
