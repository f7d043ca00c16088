"""What matching is measured beside: two trivial rules, and Splink at the best threshold that the truth can pick for it.

Each takes a labelled set and gives record -> customer. The rule: a rival is given every column that the hub is given.
"""

import re

import pandas
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from benchmarks.identity.sets import LabelledSet
from onevoice.testing.evaluate import Quality, evaluate

THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999)


def equal_full_name(labelled: LabelledSet) -> Quality:
    """Records with equal given and family names are one."""
    found = {}
    for row in labelled.rows:
        name = (row["given_name"].lower(), row["family_name"].lower())
        found[row["record_id"]] = "|".join(name) if all(name) else row["record_id"]
    return evaluate(found, labelled.truth)


def equal_contact(labelled: LabelledSet) -> Quality:
    """Records with an equal e-mail address or telephone number, and an equal given name, are one."""
    leader: dict[str, str] = {row["record_id"]: row["record_id"] for row in labelled.rows}

    def top(record: str) -> str:
        while leader[record] != record:
            leader[record] = leader[leader[record]]
            record = leader[record]
        return record

    first: dict[str, str] = {}
    for row in labelled.rows:
        phone = re.sub(r"\D", "", row.get("phone", ""))[-9:]
        for point in filter(None, (row.get("email", "").lower(), phone)):
            key = f"{point}|{row['given_name'].lower()}"
            leader[top(row["record_id"])] = top(first.setdefault(key, row["record_id"]))
    return evaluate({record: top(record) for record in leader}, labelled.truth)


def splink_at_its_best(labelled: LabelledSet) -> Quality:
    """Splink, trained on the set without labels, at the threshold whose clusters have the best F1."""
    frame = pandas.DataFrame(labelled.rows).replace("", None).rename(columns={"record_id": "unique_id"})
    frame["phone"] = frame["phone"].str.replace(r"\D", "", regex=True).str[-9:] if "phone" in frame else None
    for name in ("given_name", "family_name", "street", "city"):
        frame[name] = frame[name].str.lower()
    frame["postal_code"] = frame["postal_code"].str.lower().str.replace(" ", "")
    used = [name for name in frame if frame[name].notna().any()]
    comparisons = {
        "given_name": cl.JaroWinklerAtThresholds("given_name", [0.92, 0.8]).configure(term_frequency_adjustments=True),
        "family_name": cl.JaroWinklerAtThresholds("family_name", [0.92, 0.8]).configure(
            term_frequency_adjustments=True
        ),
        "middle_name": cl.LevenshteinAtThresholds("middle_name", 2),
        "birth_date": cl.DamerauLevenshteinAtThresholds("birth_date", [1, 2]),
        "email": cl.LevenshteinAtThresholds("email", 2).configure(term_frequency_adjustments=True),
        "phone": cl.LevenshteinAtThresholds("phone", 1).configure(term_frequency_adjustments=True),
        "street": cl.JaroWinklerAtThresholds("street", [0.9, 0.8]),
        "city": cl.JaroWinklerAtThresholds("city", [0.9]).configure(term_frequency_adjustments=True),
        "postal_code": cl.LevenshteinAtThresholds("postal_code", [1, 2]),
        "national_id": cl.DamerauLevenshteinAtThresholds("national_id", [1, 2]),
    }
    keys = [
        ("given_name", "family_name"), ("email",), ("phone",), ("national_id",), ("family_name", "birth_date"),
        ("given_name", "birth_date"), ("postal_code", "birth_date"), ("street", "given_name"),
        ("street", "family_name"), ("postal_code", "family_name"),
    ]  # fmt: skip
    blocks = [block_on(*key) for key in keys if set(key) <= set(used) and _splits(frame, key)]
    linker = Linker(
        DuckDBAPI().register(frame),
        SettingsCreator(
            link_type="dedupe_only",
            comparisons=[comparison for name, comparison in comparisons.items() if name in used],
            blocking_rules_to_generate_predictions=blocks,
        ),
        log_level="ERROR",
    )
    linker.training.estimate_probability_two_random_records_match(blocks[:1], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in (block_on("given_name", "family_name"), block_on("street", "postal_code")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, record_sample_proportion=1.0)
    predicted = linker.inference.predict(threshold_match_probability=0.1)
    tried = []
    for threshold in THRESHOLDS:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold)
        rows = clusters.as_pandas_dataframe()
        found = dict(zip(rows["unique_id"], map(str, rows["cluster_id"]), strict=True))
        tried.append(evaluate(found, labelled.truth))
    return max(tried, key=lambda quality: quality.f1)


def _splits(frame: pandas.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether a block key parts the records well enough to be used."""
    sizes = frame.dropna(subset=list(key)).groupby(list(key)).size()
    return float((sizes * sizes).sum()) < 3e7
