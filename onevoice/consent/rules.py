"""The consent rules as data: what blocks and what lifts, the classes of purposes, what countries say.

Takes the folder `rules/`, gives checked values. The one rule: a mistake is named by its file and key, and nothing is
filled in that would permit more.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from onevoice.errors import ConfigurationError
from onevoice.messages import Channel
from onevoice.rules_file import read_yaml

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_COUNTRY = "default"
ADVERTISING = frozenset({"marketing", "survey"})
"""The classes that need consent and keep to caps and quiet hours."""

Lift = Literal[
    "grant",
    "confirmed_grant",
    "delivery",
    "verification",
    "time",
    "end",
    "register",
    "register_grant",
    "role",
    "thread_end",
]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reason(_Row):
    """One row of the suppression table; the file says what the words mean."""

    reach: Literal["point", "person", "all", "written"]
    blocks: Literal["purpose", "marketing", "marketing_calls", "thread", "all_but_legal", "everything", "written"]
    lifted_by: tuple[Lift, ...]
    days: int | None = Field(default=None, ge=1)
    role: str | None = Field(default=None, min_length=1)
    inbound: bool = False
    spares_shared: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "Reason":
        if ("time" in self.lifted_by) != (self.days is not None):
            raise ValueError("days goes with lifted_by time")
        if ("role" in self.lifted_by) != (self.role is not None):
            raise ValueError("role goes with lifted_by role")
        return self


UNLISTED = Reason(reach="all", blocks="purpose", lifted_by=())
"""A reason that is in no table reaches as far as any and nothing lifts it."""


class Cap(_Row):
    """At most `most` contacts in `days` days; on one channel, or on all together."""

    most: int = Field(ge=1)
    days: int = Field(ge=1)
    channel: Channel | None = None


class PurposeText(_Row):
    """What a purpose and its topics are called in another language."""

    title: str
    topics: Mapping[str, str] = Field(default_factory=dict)


class Purpose(_Row):
    """One purpose of contact."""

    title: str
    kind: Literal["marketing", "survey", "service", "legal"] = Field(alias="class")
    caps: tuple[Cap, ...] = ()
    topics: Mapping[str, str] = Field(default_factory=dict)
    languages: Mapping[str, PurposeText] = Field(default_factory=dict)

    def said_in(self, language: str | None) -> PurposeText:
        """Return title and topics in a language; what is not said in it stays as it is."""
        own = self.languages.get(language or "")
        topics = (
            {**self.topics, **{word: text for word, text in own.topics.items() if word in self.topics}}
            if own
            else self.topics
        )
        return PurposeText(title=own.title if own else self.title, topics=topics)


def _minutes(text: str) -> tuple[time, time]:
    first, _, last = text.partition("-")
    return time.fromisoformat(first), time.fromisoformat(last)


def _window(text: str) -> str:
    begin, end = _minutes(text)
    if begin >= end:
        raise ValueError("write two times of one day, such as 09:00-18:00")
    return text


class Hours(_Row):
    """When a channel may be used, in the customer's own time zone."""

    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    between: tuple[Annotated[str, AfterValidator(_window)], ...]

    def windows(self) -> list[tuple[time, time]]:
        """Return the windows of a day."""
        return [_minutes(text) for text in self.between]


class SoftOptIn(_Row):
    """Own customers may be written to about similar goods without a grant."""

    channels: tuple[Channel, ...]
    days: int = Field(ge=1)


class Register(_Row):
    """A list of who must not be called, kept by somebody else."""

    title: str
    form: Literal["plain", "md5", "sha1", "sha256"]
    own_grant: bool = False


def _zone(name: str) -> str:
    ZoneInfo(name)
    return name


class Country(_Row):
    """What one country says."""

    title: str
    timezones: tuple[Annotated[str, AfterValidator(_zone)], ...] = Field(min_length=1)
    soft_opt_in: SoftOptIn | None = None
    hours: Mapping[Channel, Hours] = Field(default_factory=dict)
    registers: Mapping[str, Register] = Field(default_factory=dict)
    sources: tuple[str, ...] = ()


class Campaign(_Row):
    """How customers answer one campaign or survey without naming it, and the last day on which it runs."""

    title: str
    numbers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    ends: date | None = None

    def is_answered_at(self, reached: str) -> bool:
        """Return whether a number, address or page is one of its own; what is below a page of its own is, too."""
        if reached in self.numbers or reached.casefold() in {one.casefold() for one in self.addresses}:
            return True
        return any(reached == page or reached.startswith(_below(page)) for page in self.pages)

    def has_ended(self, now: datetime) -> bool:
        """Return whether its last day is over."""
        return self.ends is not None and now >= datetime.combine(self.ends, time(), UTC) + timedelta(days=1)


def _below(page: str) -> tuple[str, ...]:
    return (page.rstrip("/") + "/", page + "?", page + "#")


_Any = TypeVar("_Any", bound=_Row)


class ConsentRules(_Row):
    """The four files together; `campaigns.yaml` may be left out."""

    reasons: Mapping[str, Reason]
    purposes: Mapping[str, Purpose]
    countries: Mapping[str, Country]
    campaigns: Mapping[str, Campaign] = Field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "ConsentRules":
        """Read the files.

        Raises:
            ConfigurationError: a file or key is missing or wrong; the text names it.
        """
        reasons = _rows(folder / "suppression.yaml", Reason)
        for needed in ("withdrawal", "objection", "register", "answered", "erased"):
            if needed not in reasons:
                raise ConfigurationError(f"rules/suppression.yaml: {needed}: missing; the hub itself gives this reason")
        countries = _rows(folder / "countries.yaml", Country)
        if DEFAULT_COUNTRY not in countries:
            raise ConfigurationError("rules/countries.yaml: default: missing; it holds for countries without a row")
        declared = folder / "campaigns.yaml"
        return cls(
            reasons=reasons,
            purposes=_rows(folder / "purposes.yaml", Purpose),
            countries=countries,
            campaigns=_rows(declared, Campaign) if declared.exists() else {},
        )

    def reason(self, name: str) -> Reason:
        """Return the row of a reason."""
        return self.reasons.get(name, UNLISTED)

    def kind(self, purpose: str) -> str:
        """Return the class of a purpose; one that nobody declared is as strict as any."""
        found = self.purposes.get(purpose)
        return found.kind if found else "marketing"

    def country(self, code: str | None) -> Country:
        """Return what a country says, or the default row."""
        return self.countries.get(code or DEFAULT_COUNTRY) or self.countries[DEFAULT_COUNTRY]

    def campaign_of(self, reached: str | None) -> str | None:
        """Return the campaign whose number, address or page this is, the first in the file; None for no one's."""
        if reached is None:
            return None
        return next((name for name, one in self.campaigns.items() if one.is_answered_at(reached)), None)

    @property
    def registers(self) -> dict[str, Register]:
        """All registers of all countries."""
        return {name: row for country in self.countries.values() for name, row in country.registers.items()}


def _rows(path: Path, kind: type[_Any]) -> dict[str, _Any]:
    found = {}
    for name, content in read_yaml(path).items():
        try:
            found[str(name)] = kind.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, (name, *first["loc"])))
            raise ConfigurationError(f"rules/{path.name}: {key}: {first['msg']}") from None
        except (KeyError, OSError) as error:  # a time zone that this machine does not know
            raise ConfigurationError(f"rules/{path.name}: {name}.timezones: no such time zone") from error
    return found
