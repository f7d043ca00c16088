"""Addresses and telephone numbers of a country where nobody lives.

Streets, towns and postcodes look British; no two households get the same address or landline, no two people the same
mobile. Landlines start with the ranges that Ofcom keeps free for drama; the drama range for mobiles is no valid number
to libphonenumber, so mobiles use 07400. One rule: all is a function of the `random.Random` and the serial number.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

# town, postcode area, number of districts, national prefix of its geographic numbers, digits that follow it
TOWNS: tuple[tuple[str, str, int, str, int], ...] = (
    ("Manchester", "M", 35, "0161496", 4),
    ("Leeds", "LS", 29, "0113496", 4),
    ("Sheffield", "S", 14, "0114496", 4),
    ("Cardiff", "CF", 24, "0292018", 4),
    ("Leicester", "LE", 14, "0116496", 4),
    ("Bristol", "BS", 16, "0117496", 4),
    ("Reading", "RG", 12, "0118496", 4),
    ("Birmingham", "B", 38, "0121496", 4),
    ("Edinburgh", "EH", 17, "0131496", 4),
    ("Glasgow", "G", 46, "0141496", 4),
    ("Liverpool", "L", 36, "0151496", 4),
    ("Newcastle", "NE", 13, "0191498", 4),
    ("London", "SE", 28, "0207946", 4),
    ("London", "N", 22, "0207946", 4),
)
STREETS = (
    "High Street", "Station Road", "Church Lane", "Mill Lane", "Victoria Road", "Park Avenue", "Green Lane",
    "Kings Road", "Queens Road", "Manor Road", "Springfield Road", "The Crescent", "North Street", "South Street",
    "York Road", "Albert Street", "Grange Road", "Chapel Street", "Windsor Drive", "School Lane", "Bridge Street",
    "Meadow Close", "Orchard Way", "Beech Avenue", "Hawthorn Road", "Elm Grove", "Oak Drive", "Castle Street",
)  # fmt: skip
INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
MOBILES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One postal address in Great Britain."""

    street: str
    city: str
    postal_code: str


class Gazetteer:
    """Hands out addresses, landlines and mobiles, each only once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._addresses: set[Address] = set()
        self._landlines: dict[str, int] = {}
        self._mobiles = 0
        self._first_mobile = chance.randrange(MOBILES)

    def address(self) -> Address:
        """A new address."""
        while True:
            town, area, districts, _, _ = self._chance.choice(TOWNS)
            inward = f"{self._chance.randrange(1, 10)}{''.join(self._chance.choices(INWARD_LETTERS, k=2))}"
            address = Address(
                street=f"{self._chance.randrange(1, 160)} {self._chance.choice(STREETS)}",
                city=town,
                postal_code=f"{area}{self._chance.randrange(1, districts + 1)} {inward}",
            )
            if address not in self._addresses:
                self._addresses.add(address)
                return address

    def landline(self, address: Address) -> str:
        """A new landline for an address, in E.164."""
        prefix, digits = next((prefix, digits) for town, _, _, prefix, digits in TOWNS if town == address.city)
        serial = self._landlines.get(prefix, 0)
        if serial >= 10**digits:
            raise ValueError(f"no landline left in {address.city}: ask for fewer people")
        self._landlines[prefix] = serial + 1
        return f"+44{prefix[1:]}{serial:0{digits}d}"

    def mobile(self) -> str:
        """A new mobile number, in E.164."""
        if self._mobiles >= MOBILES:
            raise ValueError("no mobile number left: ask for fewer people")
        # 700_001 has no common factor with a million, so each serial number meets another number
        number = (self._first_mobile + self._mobiles * 700_001) % MOBILES
        self._mobiles += 1
        return f"+447400{number:06d}"
