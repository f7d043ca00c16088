"""The page on connecting Salesforce holds word for word, on the project's own server for its API."""

from __future__ import annotations

from pathlib import Path

from samples.partner.organisation import Organisation
from samples.partner.server import served
from samples.partner.service import PartnerService
from tests.systems.page import follow


def test_the_page_connects_an_organisation(tmp_path: Path) -> None:
    organisation = Organisation()
    organisation.add("Contact", LastName="Smith", Email="ann@customer.example")
    organisation.add("Case", Subject="Late delivery", Origin="Phone", Status="New")
    service = PartnerService(organisation, "hub@partner.example", "p4ssword")
    with served(service) as url:
        put = {"https://test.salesforce.com/services/Soap/u/60.0": url}
        put |= {"onevoice@example.com.sandbox": "hub@partner.example"}
        printed = follow("connect-salesforce.md", tmp_path, put=put, env={"ONEVOICE_CRM_PASSWORD": "p4ssword"})
    assert "customer.example" not in printed
