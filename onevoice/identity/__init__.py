"""Who is who: profiles of records, block keys, scores of pairs, groups, judgements and why. Pure logic, no store."""

from onevoice.identity.batch import Grouping, group_all
from onevoice.identity.block import block_keys
from onevoice.identity.cluster import Edge, JudgedPair, Limits, Member, group
from onevoice.identity.explain import EvidenceRow, explain_pair
from onevoice.identity.judge import contradiction
from onevoice.identity.model import TRAINED, Chances, Evidence, Model, as_json
from onevoice.identity.people import COUNTED, people_at
from onevoice.identity.profile import Profile, contact_points, declared_ids, identity_hash, profile
from onevoice.identity.score import PairScore, score, weigh
from onevoice.identity.train import Training, train

__all__ = [
    "COUNTED",
    "TRAINED",
    "Chances",
    "Edge",
    "Evidence",
    "EvidenceRow",
    "Grouping",
    "JudgedPair",
    "Limits",
    "Member",
    "Model",
    "PairScore",
    "Profile",
    "Training",
    "as_json",
    "block_keys",
    "contact_points",
    "contradiction",
    "declared_ids",
    "explain_pair",
    "group",
    "group_all",
    "identity_hash",
    "people_at",
    "profile",
    "score",
    "train",
    "weigh",
]
