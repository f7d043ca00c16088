"""The receipt: what a customer said about being contacted, in the fields of ISO/IEC TS 27560:2023.

Pure. The section and field names are those of the specification's record header, processing, party, event and receipt
sections; contact points stand in it in part only.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from onevoice.consent import ConsentRules
from onevoice.messages import Act, Json
from onevoice.workers.own_page.standing import shown

SCHEMA = "ISO/IEC TS 27560:2023"
_STATES = {"grant": "given", "withdrawal": "withdrawn", "objection": "objected"}


def receipt(
    acts: Iterable[Act], rules: ConsentRules, *, receipt_id: UUID, principal: UUID, page: str, hub: str, now: datetime
) -> Json:
    """Return the receipt of what was granted, withdrawn and objected to, the newest first.

    Args:
        principal: the id of the record that the customer goes by here.
        page: where to withdraw.
        hub: what the company calls itself here.
    """
    told = sorted((act for act in acts if act.kind in _STATES), key=lambda a: (a.time, str(a.id)), reverse=True)
    return {
        "receipt_metadata": {
            "schema_version": SCHEMA,
            "receipt_id": str(receipt_id),
            "issued_at": now.isoformat(),
            "pii_principal_id": str(principal),
        },
        "consent_records": [_record(act, rules, principal, page, hub) for act in told],
    }


def _record(act: Act, rules: ConsentRules, principal: UUID, page: str, hub: str) -> Json:
    said, purpose = act.evidence, rules.purposes.get(act.purpose)
    return {
        "record_header": {
            "schema_version": SCHEMA,
            "record_id": str(act.id),
            "pii_principal_id": str(principal),
        },
        "pii_processing": {
            "privacy_notice": said.get("notice"),
            "privacy_notice_version": said.get("notice_version"),
            "language": said.get("notice_language"),
            "purposes": [
                {
                    "purpose": purpose.title if purpose else act.purpose,
                    "purpose_type": rules.kind(act.purpose),
                    "lawful_basis": said.get("lawful_basis", "consent"),
                    "pii_information": [{"pii_type": act.channel, "shown": _shown(act)}],
                    "pii_controllers": [act.controller],
                    "collection_method": said.get("collection_method"),
                    "recipient_third_parties": said.get("recipients"),
                    "withdrawal_method": page,
                    "withdrawn_by": act.reason if act.kind != "grant" else None,
                }
            ],
        },
        "party_identification": [{"party_id": act.controller, "party_name": hub, "party_role": "pii_controller"}],
        "consent_events": [
            {
                "event_time": act.time.isoformat(),
                "validity_duration": act.valid_until.isoformat() if act.valid_until else "until withdrawn",
                "entity_id": str(principal),
                "event_type": "explicit" if act.kind == "grant" else "notice",
                "event_state": _STATES[act.kind],
            }
        ],
    }


def _shown(act: Act) -> str | None:
    return shown(act.anchor_point) if act.anchor_point else None
