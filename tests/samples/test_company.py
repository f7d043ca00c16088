"""The whole company as processes: up within seconds, state kept over a restart, nothing left behind."""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests
import zeep

from samples.company import CRM_USERNAME, Company
from samples.population import generate
from samples.seeding import seed
from samples.server import Server, StartError


def samples_running() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True) if "samples." in " ".join(child.cmdline())]


def test_the_company_starts_works_restarts_and_ends(tmp_path: Path) -> None:
    with Company(tmp_path, people=100) as company:
        before = dict(company.urls)
        shop, token = company.urls["shop"], {"Authorization": f"Bearer {company.secret('SHOP_API_TOKEN')}"}
        requests.post(f"{shop}/storefront/customers/5001", json={"first_name": "Ada"}, timeout=5).raise_for_status()
        assert requests.get(f"{shop}/api/customers/5001", headers=token, timeout=5).json()["first_name"] == "Ada"
        crm = zeep.Client(f"{before['crm']}?wsdl").create_service("{urn:sample-crm:1}CrmBinding", before["crm"])
        assert crm.login(CRM_USERNAME, company.secret("CRM_PASSWORD"))
        company.force_faults("shop", count=1, status=503)
        assert requests.get(f"{shop}/api/customers/5001", headers=token, timeout=5).status_code == 503
        company.servers["shop"].kill()
        company.servers["shop"].start()
        assert company.urls == before
        assert requests.get(f"{shop}/api/customers/5001", headers=token, timeout=5).json()["first_name"] == "Ada"
        processes = [psutil.Process(pid) for pid in samples_running()]
        assert len(processes) == 3
        assert all(token["Authorization"][7:] not in " ".join(process.cmdline()) for process in processes)

    assert samples_running() == []
    account = company.stores.shop_customer("5001")
    assert account is not None
    assert account["first_name"] == "Ada"
    assert "storefront edit" in {line["operation"] for line in company.stores.journal("shop")}


def test_the_stores_hold_what_the_population_says_and_the_truth_of_it(tmp_path: Path) -> None:
    population = generate(80, 3)
    seed(tmp_path, 80, 3)
    company = Company(tmp_path)
    try:
        for contact in population.records["crm", "Contact"]:
            assert company.stores.crm_contact(contact["Id"]) == contact
        for account in population.records["shop", "customers"]:
            assert company.stores.shop_customer(account["id"]) == account
        for row in population.records["erp", "customers"]:
            stored = company.stores.erp_customer(row["customer_no"])
            assert stored is not None
            assert (stored["email"], stored["phone_opt_out"]) == (row["email"], row["phone_opt_out"])
        for entry in population.records["callcentre", "do_not_call"]:
            assert company.stores.callcentre_suppressed(entry["channel"], entry["point"].upper())
            assert not company.stores.callcentre_listed(entry["channel"], entry["point"])
        assert company.stores.crm_contact("003OV0099999999") is None
        assert not company.stores.callcentre_suppressed("email", "nobody@example.com")
    finally:
        company.stores.close()
    with (tmp_path / "truth.csv").open(newline="") as file:
        truth = {(row["system"], row["stream"], row["key"]): int(row["person"]) for row in csv.DictReader(file)}
    assert truth == population.truth
    with pytest.raises(FileExistsError):
        seed(tmp_path, 80, 3)


def test_two_thousand_people_are_seeded_in_a_moment(tmp_path: Path) -> None:
    started = time.process_time()
    population = seed(tmp_path)

    assert len(population.people) == 2000
    assert time.process_time() - started < 4


def test_a_server_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    server = Server("crm", tmp_path, [], {"CRM_PASSWORD": ""})
    with pytest.raises(StartError, match=r"server\.log"):
        server.start()

    assert "CRM_PASSWORD is not set" in (tmp_path / "server.log").read_text()
    assert samples_running() == []


@pytest.mark.parametrize("name", ["crm", "shop", "callcentre"])
def test_sigterm_is_a_clean_end(tmp_path: Path, name: str) -> None:
    secrets = {"CRM_PASSWORD": "x", "SHOP_API_TOKEN": "x", "SHOP_WEBHOOK_SECRET": "x"}
    server = Server(name, tmp_path, [], secrets)
    server.start()
    (pid,) = samples_running()
    process = psutil.Process(pid)
    process.terminate()

    assert process.wait(10) == 0
    server.stop()
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_the_command_line_runs_the_company(tmp_path: Path) -> None:
    process = psutil.Popen([sys.executable, "-m", "samples", "--data", str(tmp_path), "--people", "20"], stdout=-1)
    try:
        ready = json.loads(process.stdout.readline())
        assert set(ready["urls"]) == {"crm", "erp", "shop", "callcentre"}
    finally:
        process.terminate()
    assert process.wait(15) == 0
    assert samples_running() == []
