"""Given names and the short forms their bearers use.

`SHORT_FORMS` maps a formal given name to its short forms; `same_given_name` says whether two given names can be one
person's. One rule: a short form is listed under every formal name it may stand for.
"""

from __future__ import annotations

SHORT_FORMS: dict[str, tuple[str, ...]] = {
    "Albert": ("Al", "Bert"),
    "Alexander": ("Alex", "Sandy"),
    "Alfred": ("Alf", "Fred"),
    "Andrew": ("Andy", "Drew"),
    "Anthony": ("Tony",),
    "Barbara": ("Barb", "Babs"),
    "Benjamin": ("Ben",),
    "Catherine": ("Cathy", "Kate"),
    "Charles": ("Charlie", "Chuck"),
    "Christine": ("Chris", "Tina"),
    "Christopher": ("Chris",),
    "Cynthia": ("Cindy",),
    "Daniel": ("Dan", "Danny"),
    "David": ("Dave",),
    "Deborah": ("Debbie", "Deb"),
    "Donald": ("Don",),
    "Dorothy": ("Dot", "Dottie"),
    "Douglas": ("Doug",),
    "Edward": ("Ed", "Ted", "Eddie"),
    "Elizabeth": ("Liz", "Beth", "Betty"),
    "Eugene": ("Gene",),
    "Frances": ("Fran",),
    "Frederick": ("Fred", "Freddie"),
    "Gerald": ("Gerry",),
    "Gregory": ("Greg",),
    "Harold": ("Harry", "Hal"),
    "Henry": ("Harry", "Hank"),
    "Jacqueline": ("Jackie",),
    "James": ("Jim", "Jimmy", "Jamie"),
    "Janet": ("Jan",),
    "Jennifer": ("Jenny", "Jen"),
    "Jessica": ("Jess",),
    "John": ("Jack", "Johnny"),
    "Jonathan": ("Jon",),
    "Joseph": ("Joe",),
    "Joshua": ("Josh",),
    "Judith": ("Judy",),
    "Katherine": ("Kathy", "Kate", "Katie"),
    "Kathleen": ("Kathy",),
    "Kenneth": ("Ken",),
    "Kimberly": ("Kim",),
    "Lawrence": ("Larry",),
    "Leonard": ("Len",),
    "Margaret": ("Maggie", "Meg", "Peggy"),
    "Matthew": ("Matt",),
    "Michael": ("Mike", "Mick"),
    "Nicholas": ("Nick",),
    "Pamela": ("Pam",),
    "Patricia": ("Pat", "Trish", "Patty"),
    "Patrick": ("Pat", "Paddy"),
    "Peter": ("Pete",),
    "Philip": ("Phil",),
    "Rebecca": ("Becky",),
    "Richard": ("Rick", "Dick"),
    "Robert": ("Bob", "Rob", "Bert"),
    "Ronald": ("Ron",),
    "Samuel": ("Sam",),
    "Sandra": ("Sandy",),
    "Stephanie": ("Steph",),
    "Stephen": ("Steve",),
    "Steven": ("Steve",),
    "Susan": ("Sue", "Susie"),
    "Theresa": ("Terry", "Tess"),
    "Thomas": ("Tom", "Tommy"),
    "Timothy": ("Tim",),
    "Victoria": ("Vicky",),
    "Virginia": ("Ginny",),
    "William": ("Bill", "Will", "Billy"),
}


def _bearers() -> dict[str, frozenset[str]]:
    """For each given name in lower case, the formal names it may stand for, itself included."""
    formals: dict[str, set[str]] = {}
    for formal, shorts in SHORT_FORMS.items():
        for form in (formal, *shorts):
            formals.setdefault(form.lower(), set()).add(formal.lower())
    return {form: frozenset(names | {form}) for form, names in formals.items()}


_FORMALS = _bearers()


def same_given_name(one: str, other: str) -> bool:
    """True when both given names (any case) can be one person's: equal, or forms of one formal name."""
    left, right = one.lower(), other.lower()
    return bool(_FORMALS.get(left, frozenset({left})) & _FORMALS.get(right, frozenset({right})))
