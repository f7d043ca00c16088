"""`make identity-model`: write the shipped model: tables and chances, `shipped.json` and `identity_model.json`.

Frequencies of names are those of the US census of 1990 (data of the package `names`), short forms are those of the
package `nicknames` and the well-known ones below. Chances start from the expectations below and are then learned,
without labels, from a pool of records that no benchmark judges (`benchmarks.identity.pool`). No name and no value of a
record is in the files.
"""

from importlib import resources
from pathlib import Path

import orjson
from nicknames import NickNamer

from benchmarks.identity.pool import pool
from onevoice.identity import TRAINED, Model
from onevoice.identity.model import chances_of
from onevoice.workers.training import fit

FOLDER = Path(__file__).parents[1] / "onevoice" / "identity"
RULES = Path(__file__).parents[1] / "rules" / "identity.yaml"

# comparison -> level -> how often it occurs between records of (one person, two strangers, two relatives); where the
# name's own frequency rules the second is a factor on it. Learning takes the first from here where it starts.
CHANCES: dict[str, dict[str, tuple[float, float, float]]] = {
    "given": {
        "exact": (0.85, 1, 0.02),
        "nickname": (0.04, 1, 0.0012),
        "similar": (0.05, 1, 0.0014),
        "swapped": (0.03, 1, 0.0008),
        "initial": (0.9, 0.08, 0.12),
        "middle": (0.01, 0.01, 0.02),
        "alike": (0.002, 0.01, 0.06),
        "different": (0.006, 0.95, 0.9),
    },
    "family": {
        "exact": (0.88, 1, 0.8),
        "similar": (0.06, 1, 0.06),
        "part": (0.03, 1, 0.03),
        "swapped": (0.8, 1, 0.8),
        "different": (0.05, 0.99, 0.2),
    },
    "middle": {"exact": (0.85, 0.01, 0.04), "initial": (0.85, 0.08, 0.12), "different": (0.06, 0.9, 0.85)},
    "suffix": {"same": (0.9, 0.4, 0.2), "one": (0.1, 0.2, 0.5), "different": (0.0004, 0.5, 0.8)},
    "birth": {
        "exact": (0.93, 0.00005, 0.013),  # of relatives: three times as often as twins are, who must not become one
        "swapped": (0.015, 0.00005, 0.0005),
        "typo": (0.03, 0.001, 0.003),
        "part": (0.015, 0.006, 0.01),
        "different": (0.01, 0.45, 0.5),
        "generation": (0.002, 0.55, 0.5),
    },
    "national_id": {"same": (0.9, 0.000001, 0.0003), "typo": (0.06, 0.00003, 0.0003), "different": (0.03, 1, 1)},
    "organisation": {"exact": (0.8, 0.005, 0.2), "similar": (0.15, 0.01, 0.3), "different": (0.02, 0.95, 0.5)},
    "register": {"same": (0.95, 0.00002, 0.00005), "different": (0.005, 1, 1)},
    "vat": {"same": (0.95, 0.00003, 0.002), "different": (0.02, 1, 0.9)},
    "domain": {"same": (0.7, 0.01, 0.3), "different": (0.3, 0.99, 0.5)},
    "email": {
        "personal": (0.5, 0.00006, 0.02),
        "household": (0.5, 0.01, 0.65),
        "role": (0.5, 0.35, 0.65),
        "similar": (0.05, 0.0003, 0.005),
        "different": (0.45, 0.9, 0.6),
    },
    "phone": {
        "personal": (0.5, 0.0003, 0.12),
        "household": (0.5, 0.02, 0.5),
        "role": (0.5, 0.4, 0.5),
        "suffix": (0.05, 0.0005, 0.05),
        "different": (0.6, 0.98, 0.7),
    },
    "address": {
        "same": (0.6, 0.0001, 0.6),
        "similar": (0.2, 0.0002, 0.2),
        "street": (0.05, 0.001, 0.05),
        "postal": (0.05, 0.002, 0.05),
        "city": (0.1, 0.08, 0.1),
        "different": (0.3, 0.95, 0.35),
    },
}
# Bits of a name that is in no table: it may be common elsewhere, so it is not taken for rare.
UNKNOWN = {"given": 10.5, "family": 12.5}
# Formal given name: forms its bearers use; a form may stand under several.
WELL_KNOWN = """
albert: al bert
alexander: alex sandy alec
alexandra: alex sandra sandy
alfred: alf fred alfie
alice: ali
amanda: mandy
andrew: andy drew
ann: anne anna annie
anthony: tony antony
barbara: barb babs
benjamin: ben
catherine: cathy kate katie cath katherine kathryn
charles: charlie chuck
christine: chris tina christina
christopher: chris kit topher
cynthia: cindy
daniel: dan danny
david: dave
deborah: debbie deb debra
donald: don
dorothy: dot dottie
douglas: doug
edward: ed ted eddie ned
edwin: ed
elizabeth: liz beth betty eliza lizzie elisabeth
eric: erik
eugene: gene
frances: fran
francis: frank
frederick: fred freddie
geoffrey: geoff jeff jeffrey
gerald: gerry jerry
gillian: jill gill
gregory: greg
harold: harry hal
henry: harry hank
isabelle: isabel bella
jacob: jake
jacqueline: jackie
james: jim jimmy jamie
janet: jan
jennifer: jenny jen
jessica: jess jessie
john: jack johnny jon
jonathan: jon
joseph: joe
josephine: jo josie
joshua: josh
judith: judy
katherine: kathy kate katie kathryn
kathleen: kathy
kenneth: ken
kimberly: kim
lawrence: larry laurence
leonard: len
margaret: maggie meg peggy marge
marc: mark
matthew: matt
michael: mike mick micky
nicholas: nick
nicola: nicky nikki
pamela: pam
patricia: pat trish patty tricia
patrick: pat paddy
peter: pete
philip: phil phillip
rebecca: becky
richard: rick dick rich ricky
robert: bob rob bert bobby robbie
ronald: ron ronnie
samantha: sam
samuel: sam
sandra: sandy
sarah: sara sally
sean: shaun shawn
stephanie: steph
stephen: steve steven
steven: steve
susan: sue susie
teresa: theresa terry tess
theodore: ted theo
theresa: terry tess
thomas: tom tommy
timothy: tim
valerie: val
victoria: vicky vicki
vincent: vince
virginia: ginny
walter: walt
william: bill will billy liam
"""


def main() -> None:
    """Write the files."""
    given, given_rare = _frequencies({"dist.male.first": 0.5, "dist.female.first": 0.5})
    family, family_rare = _frequencies({"dist.all.last": 1.0})
    start = {
        comparison: {
            level: dict(zip(("same", "strangers", "relatives"), chances, strict=True))
            for level, chances in levels.items()
        }
        for comparison, levels in CHANCES.items()
    }
    content = {
        "unknown": UNKNOWN,
        "given": given,
        "given_rare": given_rare,
        "family": family,
        "family_rare": family_rare,
        "short_forms": _short_forms(),
    }
    (FOLDER / "shipped.json").write_bytes(
        orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    )
    model = Model.load(RULES).with_chances(chances_of(start))
    fit(pool(), model).write(FOLDER / TRAINED)


def _frequencies(files: dict[str, float]) -> tuple[dict[str, float], str]:
    ppm: dict[str, float] = {}
    for file, share in files.items():
        for line in resources.files("names").joinpath(file).read_text("ascii").splitlines():
            if line.strip():
                name, per_cent, *_ = line.lower().split()
                ppm[name] = ppm.get(name, 0.0) + float(per_cent) * share * 1e4
    frequent = {name: round(value, 1) for name, value in ppm.items() if value > 0}
    return frequent, " ".join(sorted(name for name in ppm if name not in frequent))


def _short_forms() -> dict[str, str]:
    namer = NickNamer()
    forms: dict[str, set[str]] = {}
    for formal in namer._nickname_lookup:
        forms[formal] = {short for short in namer.nicknames_of(formal) if short.isalpha() and len(short) > 1}
    # A form that is a formal name itself (Marie under Mary) would make one person of two sisters.
    forms = {formal: shorts - forms.keys() for formal, shorts in forms.items()}
    for line in WELL_KNOWN.strip().splitlines():
        formal, _, shorts = line.partition(":")
        forms.setdefault(formal, set()).update(shorts.split())
    return {formal: " ".join(sorted(shorts)) for formal, shorts in sorted(forms.items()) if shorts}


if __name__ == "__main__":
    main()
