"""The short way of telephone numbers answers as the full parser does, or not at all."""

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.mapping.numbering import everyday_e164
from onevoice.mapping.phone import parsed_e164

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
FORMS = ("+{code}{number}", "+{code}(0){number}", "{number}", "0{number}", "00{code}{number}", "1{number}")


@st.composite
def dialled(draw: st.DrawFn) -> tuple[str, str]:
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number(region)
    if example is not None and draw(st.booleans()):
        code, number = example.country_code, phonenumbers.national_significant_number(example)
    else:
        code, number = draw(st.sampled_from(CODES)), draw(st.text("0123456789", min_size=4, max_size=16))
    text = draw(st.sampled_from(FORMS)).format(code=code, number=number)
    at, mark = draw(st.integers(0, len(text))), draw(st.sampled_from(["", " ", "-", ".", ") ", " ("]))
    return text[:at] + mark + text[at:], draw(st.sampled_from([region, "GB", "DE", "US", "IT"]))


@given(dialled())
@settings(max_examples=1500, deadline=None)
def test_short_way_agrees_with_the_full_parser(case: tuple[str, str]) -> None:
    text, region = case
    answer = everyday_e164(text, region)
    assert answer is None or answer == parsed_e164(text, region)


def test_everyday_notations_take_the_short_way() -> None:
    written = ["0161 496 0123", "(07400) 123456", "+44 (0)7400 123456", "0044 7400 123456", "+49 30 901820"]
    assert all(everyday_e164(text, "GB") for text in written)
