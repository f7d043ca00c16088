"""Records as the sample systems have them: one person in all four systems, and somebody else."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def contact(**changed: Any) -> Json:
    """William Marshall in the CRM."""
    return {
        "Id": "003OV0000000A4b",
        "Salutation": "Mr",
        "FirstName": "William",
        "MiddleName": "George",
        "LastName": "Marshall",
        "Birthdate": "1974-03-18",
        "Email": "william.marshall@example.com",
        "Phone": "0161 496 0123",
        "MobilePhone": "+44 7400 123456",
        "MailingStreet": "14 Mill Lane",
        "MailingCity": "Manchester",
        "MailingPostalCode": "M14 5TP",
        "MailingCountryCode": "GB",
        "Language__c": "en",
        "HasOptedOutOfEmail": False,
        "DoNotCall": False,
        "SystemModstamp": "2024-11-05T14:21:09.482113Z",
    } | changed


def account(**changed: Any) -> Json:
    """The same man in the web shop."""
    return {
        "id": 5001,
        "first_name": "Bill",
        "last_name": "Marshall",
        "email": "william.marshall@example.com",
        "phone": "+447400123456",
        "birth_date": None,
        "default_address": {"street": "14 Mill Lane", "city": "Manchester", "zip": "M145TP", "country": "GB"},
        "accepts_email_marketing": True,
        "accepts_phone_marketing": None,
        "locale": "en-GB",
        "updated_at": "2024-12-01T20:05:31.774310Z",
    } | changed


def debtor(**changed: Any) -> Json:
    """The same man in the ERP."""
    return {
        "customer_no": "K10001",
        "first_name": "WILLIAM",
        "last_name": "MARSHALL",
        "birth_date": "1974-03-18",
        "email": "william.marshall@example.com",
        "phone": "01614960123",
        "mobile": "07400123456",
        "language": "EN",
        "email_opt_out": False,
        "phone_opt_out": False,
        "updated_at": "2024-09-12T16:44:03.120001Z",
        "row_version": 1,
        "changed_at": "2024-09-12T16:44:03.120001Z",
    } | changed


def stranger(**changed: Any) -> Json:
    """A CRM contact who has nothing in common with him."""
    return contact(
        **{
            "Id": "003OV0000000Z99",
            "Salutation": "Dr",
            "FirstName": "Priya",
            "MiddleName": None,
            "LastName": "Okafor",
            "Birthdate": "1988-07-02",
            "Email": "priya.okafor@example.net",
            "Phone": None,
            "MobilePhone": "+447400999888",
            "MailingStreet": "3 Harbour View",
            "MailingCity": "Bristol",
            "MailingPostalCode": "BS1 4ST",
        }
        | changed
    )


def case(**changed: Any) -> Json:
    """A service case of his."""
    return {
        "Id": "500OV00000000k7",
        "ContactId": "003OV0000000A4b",
        "Subject": "Delivery arrived damaged",
        "Origin": "Phone",
        "Status": "Working",
        "CreatedDate": "2024-11-04T10:02:51.000000Z",
        "SystemModstamp": "2024-11-05T14:20:01.113402Z",
    } | changed


def order(**changed: Any) -> Json:
    """An order of his in the web shop."""
    return {
        "id": 90001,
        "customer_id": 5001,
        "placed_at": "2026-08-01T20:05:31.000000Z",
        "total": "54.50",
        "currency": "GBP",
        "status": "paid",
        "updated_at": "2026-08-01T20:06:02.009113Z",
    } | changed


def call(**changed: Any) -> Json:
    """A call from his telephone."""
    return {
        "call_id": "C-000001",
        "number": "+447400123456",
        "direction": "inbound",
        "started_at": "2024-12-03T09:14:05.000000Z",
        "ended_at": "2024-12-03T09:19:41.000000Z",
        "queue": "service",
        "agent": "agent-07",
        "outcome": "answered",
        "talk_seconds": 301,
        "cost": "2.26",
        "currency": "GBP",
        "campaign": None,
        "subject": "Delivery question",
        "updated_at": "2024-12-03T09:19:41.250114Z",
    } | changed


def do_not_call(**changed: Any) -> Json:
    """He asked not to be called."""
    return {
        "entry_id": "D-000001",
        "channel": "phone",
        "point": "+447400123456",
        "requested_at": "2024-12-03T09:18:55.000000Z",
        "source": "caller",
        "note": "Asked not to be called about offers",
    } | changed
