"""Somebody new to the company, entered in CRM, ERP and shop as their own people and the customer would do it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime

import zeep

from samples.company import CRM_USERNAME
from samples.demo.witness import Person
from samples.erp.database import open_engine
from samples.erp.schema import CUSTOMERS
from tests.walk.conftest import Company

_NUMBERS = itertools.count(1)
_GIVEN = ("Aurelia", "Bertram", "Cosima", "Dorian", "Elfrida", "Fabian", "Gwendolen", "Hector", "Imogen", "Jasper")
_FAMILY = ("Thistlewood", "Blackadder", "Winterbourne", "Pemberton", "Featherstone", "Ravenscroft", "Hollingbery")


@dataclass(frozen=True, kw_only=True)
class Name:
    """Somebody nobody else looks like."""

    number: int
    given: str
    family: str
    born: date
    mobile: str
    email: str


def new_name() -> Name:
    number = next(_NUMBERS)
    given, family = _GIVEN[number % len(_GIVEN)], f"{_FAMILY[number % len(_FAMILY)]}{chr(96 + number)}"
    return Name(
        number=number, given=given, family=family, born=date(1950 + number, 1 + number % 12, 3 + number),
        mobile=f"+447400{900000 + number}", email=f"{given}.{family}@example.org".lower(),
    )  # fmt: skip


def newcomer(company: Company) -> Person:
    """Enter one person in three systems; gives the keys of the records."""
    name = new_name()
    account = {
        "first_name": name.given, "last_name": name.family, "email": name.email, "phone": name.mobile,
        "birth_date": name.born.isoformat(),
    }  # fmt: skip
    opened = company.post("shop", "/storefront/customers", account).json()
    crm, erp = new_contact(company, name), new_debtor(company, name)
    return Person(crm=crm, erp=erp, shop=str(opened["id"]), mobile=name.mobile, email=name.email)


def new_contact(company: Company, name: Name) -> str:
    """Enter a contact in the CRM over SOAP; gives its Id."""
    url = company.stack.company.urls["crm"].removesuffix("/soap")
    client = zeep.Client(f"{url}/soap?wsdl")
    service = client.create_service("{urn:sample-crm:1}CrmBinding", f"{url}/soap")
    session = service.login(CRM_USERNAME, company.stack.company.secret("CRM_PASSWORD"))
    record = client.get_type("{urn:sample-crm:1}Contact")(
        FirstName=name.given, LastName=name.family, Email=name.email, MobilePhone=name.mobile, Birthdate=name.born,
        HasOptedOutOfEmail=False, DoNotCall=False, MailingCountryCode="GB",
    )  # fmt: skip
    header = {"SessionHeader": {"sessionId": session}}
    [made] = service.upsert(objectType="Contact", records=[{"sObject": record}], _soapheaders=header)
    return str(made.id)


def new_debtor(company: Company, name: Name) -> str:
    """Enter a customer in the ERP's database; gives its number."""
    engine = open_engine(company.stack.company.erp_url)
    now = datetime.now(UTC)
    row = {
        "customer_no": f"N{name.number:05}", "first_name": name.given, "last_name": name.family, "email": name.email,
        "mobile": name.mobile, "birth_date": name.born, "language": "EN", "email_opt_out": False,
        "phone_opt_out": False, "created_at": now, "updated_at": now,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(CUSTOMERS.insert().values(row))
    engine.dispose()
    return str(row["customer_no"])
