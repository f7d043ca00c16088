"""A service desk whose one stream gives several records from one: who called, the partner, each call, and an act."""

import json
from pathlib import Path
from typing import Any

from onevoice.messages import Json

TEXT = {"type": ["string", "null"]}
SCHEMA: Json = {
    "type": "object",
    "required": ["id", "changed"],
    "properties": {
        "id": {"type": "integer"},
        "changed": {"type": "string"},
        "given": TEXT,
        "family": TEXT,
        "email": TEXT,
        "no_mail": {"type": "boolean"},
        "partner": {
            "type": ["object", "null"],
            "properties": {"given": TEXT, "family": TEXT, "phone": TEXT, "no_calls": {"type": "boolean"}},
        },
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"no": {"type": "integer"}, "at": TEXT, "about": TEXT, "done": {"type": "boolean"}},
            },
        },
        "stop": {"type": ["object", "null"], "properties": {"at": TEXT, "words": TEXT}},
    },
}
MAPPING = """\
stream: ticket
to: person
key: id
version: changed
occurred_at: changed
writable: true
fields:
  name.given: given
  name.family: family
  emails[main].address: {from: email, as: email}
  acts[email/marketing]:
    in: {from: no_mail, values: {true: withdrawn}, otherwise: no act}
    out: {to: no_mail, from: permission, values: {denied: true, allowed: false}, otherwise: leave}
also:
  partner:
    to: person
    when: {partner.family: present}
    fields:
      name.given: partner.given
      name.family: partner.family
      phones[main].number: {from: partner.phone, as: phone}
      acts[phone/marketing]:
        in: {from: partner.no_calls, values: {true: withdrawn}, otherwise: no act}
        out: {to: partner.no_calls, from: permission, values: {denied: true, allowed: false}, otherwise: leave}
  couple:
    to: relationship
    when: {partner.family: present}
    fields:
      kind: {value: partner}
      from: {from: id, as: reference, stream: ticket}
      to: {from: id, as: reference, stream: ticket, slot: partner}
  call:
    to: interaction
    each: calls
    by: no
    when: {at: present}
    fields:
      party: {from: $.id, as: reference, stream: ticket}
      channel: {value: phone}
      direction: {value: inbound}
      kind: {value: call}
      time: {from: at, as: datetime}
      subject: about
  stop:
    to: act
    when: {stop.at: present}
    fields:
      party: {from: id, as: reference, stream: ticket}
      kind: {value: objection}
      channel: {value: any}
      purpose: {value: marketing}
      time: {from: stop.at, as: datetime}
      evidence.text: stop.words
ignore:
  calls[].done: the desk's own bookkeeping
tests:
  - name: a couple
    in:
      id: 7
      changed: "2026-01-02T00:00:00Z"
      given: Ann
      family: Lee
      partner: {family: Marsh, phone: +447400123456}
      calls: [{no: 1, at: "2026-01-01T09:00:00Z", about: a bill}, {no: 2}]
    canonical: {name: {given: Ann, family: Lee}}
    flags: {email/marketing: no act}
    also:
      partner: {name: {family: Marsh}, phones: [{kind: main, number: "+447400123456"}]}
      couple: {kind: partner, from: {stream: ticket, key: "7"}, to: {stream: ticket, key: "7#partner"}}
      call/1:
        party: {stream: ticket, key: "7"}
        channel: phone
        direction: inbound
        kind: call
        time: "2026-01-01T09:00:00.000000Z"
        subject: a bill
"""
MANIFEST = """\
id: desk
title: A service desk
owner: tests
kind: rest
entry: connector:Desk
settings: {type: object, additionalProperties: false, properties: {}}
streams:
  ticket: {mode: poll, writable: true}
"""
TICKET: Json = {
    "id": 7, "changed": "2026-01-02T00:00:00Z", "given": "Ann", "family": "Lee", "email": "ann@example.com",
    "no_mail": False, "partner": None, "calls": [], "stop": None,
}  # fmt: skip


def partner(**fields: Any) -> Json:
    return {"given": "Bob", "family": "Marsh", "phone": "+447400123456", "no_calls": False} | fields


def call(no: int, day: int, about: str = "a bill") -> Json:
    return {"no": no, "at": f"2026-01-{day:02}T09:00:00Z", "about": about, "done": True}


def lay_out(root: Path, mapping: str = MAPPING) -> None:
    """Write the desk's connector, schema and mapping into a hub root."""
    for folder in ("connectors/desk", "schemas/desk", "mappings/desk"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "connectors/desk/manifest.yaml").write_text(MANIFEST)
    (root / "connectors/desk/__init__.py").write_text("")
    (root / "schemas/desk/ticket.json").write_text(json.dumps(SCHEMA))
    (root / "mappings/desk/ticket.yaml").write_text(mapping)
