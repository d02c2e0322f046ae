"""GB 11643, GB 32100, GB 11714: the published samples, and what a tired clerk types."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.identifiers import (
    IdentifierError,
    check_organization_code,
    check_resident_identity_number,
    check_unified_social_credit_code,
    mask,
)

SAMPLE = "11010519491231002X"  # GB 11643
SECOND_SAMPLE = "440524188001010014"  # GB 11643
USCC = "91350100M000100Y43"  # GB 32100

# Expected from the standard's definition (ISO 7064 MOD 11-2: the weighted sum over all 18 is 1 mod 11).
MOD_11_2_VALUES = {**{str(n): n for n in range(10)}, "X": 10}


def is_mod_11_2(text):
    return sum(MOD_11_2_VALUES[c] * 2 ** (17 - i) for i, c in enumerate(text)) % 11 == 1


def complete(first_seventeen):
    return next(first_seventeen + c for c in "0123456789X" if is_mod_11_2(first_seventeen + c))


def test_the_published_samples():
    number = check_resident_identity_number(SAMPLE)
    assert (number.text, number.region, number.birth_date) == (SAMPLE, "110105", date(1949, 12, 31))
    assert number.is_male is False
    assert number.warnings == ()
    assert check_resident_identity_number(SECOND_SAMPLE).is_male is True
    code = check_unified_social_credit_code(USCC)
    assert (code.department, code.category, code.region) == ("9", "1", "350100")
    assert code.organization_code == "M000100Y4"
    assert code.warnings == ()


def test_a_small_x_and_small_letters_are_read_as_capitals():
    assert check_resident_identity_number(SAMPLE.lower()).text == SAMPLE
    assert check_unified_social_credit_code(USCC.lower()).text == USCC


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "identity-number-form"),
        ("11010519491231002", "identity-number-form"),
        ("11010519491231002XX", "identity-number-form"),
        ("110105491231002", "identity-number-form"),
        (" 11010519491231002X", "identity-number-form"),
        (SAMPLE + "\n", "identity-number-form"),
        ("1101051949123100２X", "identity-number-form"),
        ("X10105194912310021", "identity-number-form"),
        ("110105194912310021", "identity-number-check-character"),
        ("11010519491231002Y", "identity-number-form"),
        ("110105194912310X20", "identity-number-form"),
        ("11010519492131002X", "identity-number-check-character"),
        (complete("11010519490230002"), "identity-number-birth-date"),
        (complete("11010519491331002"), "identity-number-birth-date"),
        (complete("11010519490031002"), "identity-number-birth-date"),
        (complete("11010500001231002"), "identity-number-birth-date"),
        (complete("11010517491231002"), "identity-number-birth-date"),
        (complete("11010519000229002"), "identity-number-birth-date"),
    ],
)
def test_bad_identity_numbers(text, code):
    with pytest.raises(IdentifierError) as caught:
        check_resident_identity_number(text)
    assert caught.value.code == code
    assert not text.strip() or text not in str(caught.value)


def test_an_old_number_is_told_what_to_do():
    with pytest.raises(IdentifierError, match="15 digits must be replaced"):
        check_resident_identity_number("110105491231002")


def test_a_birth_date_ahead_is_refused_when_the_time_is_known():
    number = complete("11010520261123002")
    assert check_resident_identity_number(number).birth_date == date(2026, 11, 23)
    at = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    with pytest.raises(IdentifierError) as caught:
        check_resident_identity_number(number, at)
    assert caught.value.code == "identity-number-birth-date"
    assert check_resident_identity_number(complete("11010520261122002"), at)


@pytest.mark.parametrize("region", ["810000", "820000", "830000", "710000", "911560", "110103"])
def test_regions_of_residents_from_elsewhere_and_old_ones(region):
    assert check_resident_identity_number(complete(f"{region}19800101001")).warnings == ()


@pytest.mark.parametrize("region", ["000000", "190000", "720000", "840000"])
def test_an_unknown_region_is_a_warning(region):
    assert check_resident_identity_number(complete(f"{region}19800101001")).warnings == ("region-unknown",)


@given(st.dates(date(1850, 1, 1)), st.integers(0, 999), st.integers(110000, 659999))
def test_every_number_made_by_the_standard_is_accepted_and_no_slip_of_one_digit(born, serial, region):
    text = complete(f"{region}{born.year:04}{born:%m%d}{serial:03}")
    number = check_resident_identity_number(text)
    assert number.birth_date == born
    for position in (0, 9, 16):
        wrong = text[:position] + str((int(text[position]) + 1) % 10) + text[position + 1 :]
        with pytest.raises(IdentifierError):
            check_resident_identity_number(wrong)


def test_the_repr_of_a_person_shows_nothing():
    assert "1949" not in repr(check_resident_identity_number(SAMPLE))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "uscc-form"),
        (USCC[:-1], "uscc-form"),
        (USCC + "0", "uscc-form"),
        ("91350100M000100I43", "uscc-form"),  # the letter I
        ("91350100O000100Y43", "uscc-form"),  # the letter O
        ("9135010AM000100Y43", "uscc-form"),  # a letter in the region
        ("９1350100M000100Y43", "uscc-form"),  # a full-width digit
        (USCC + "\n", "uscc-form"),
        ("91350100M000100Y44", "uscc-check-character"),
        ("19350100M000100Y43", "uscc-check-character"),
    ],
)
def test_bad_credit_codes(text, code):
    with pytest.raises(IdentifierError) as caught:
        check_unified_social_credit_code(text)
    assert caught.value.code == code


def uscc_with_check(first_seventeen):
    """Append the check character by the standard's definition: the weighted sum over all 18 is 0 mod 31."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    total = sum(alphabet.index(c) * 3**i for i, c in enumerate(first_seventeen))
    return next(first_seventeen + c for i, c in enumerate(alphabet) if (total + i * 1) % 31 == 0)


def test_the_check_character_by_the_standards_formula():
    assert uscc_with_check(USCC[:17]) == USCC


def test_the_organisation_code_inside_is_checked():
    with pytest.raises(IdentifierError) as caught:
        check_unified_social_credit_code(uscc_with_check("91350100M000100Y5"))
    assert caught.value.code == "organization-code-check-character"


def test_tables_only_warn():
    code = check_unified_social_credit_code(uscc_with_check("B1990000M000100Y4"))
    assert code.warnings == ("department-unknown", "region-unknown")
    assert check_unified_social_credit_code(uscc_with_check("91100000M000100Y4")).warnings == ()


@pytest.mark.parametrize("text", ["D21437510", "M000100Y4", "000000000"])
def test_organisation_codes(text):
    if text == "D21437510":
        with pytest.raises(IdentifierError):
            check_organization_code(text)
    else:
        assert check_organization_code(text) == text


def test_the_sample_of_gb_11714():
    assert check_organization_code("D2143569X") == "D2143569X"


@given(st.text(max_size=20))
def test_only_identifier_errors_escape(text):
    for check in (check_resident_identity_number, check_unified_social_credit_code, check_organization_code):
        try:
            check(text)
        except IdentifierError:
            continue


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (SAMPLE, "110***********002X"),
        (USCC, "913***********0Y43"),
        ("13800138000", "***********"),
        ("12345678901234", "123*******1234"),
        ("", ""),
    ],
)
def test_masks_hide_the_middle(text, shown):
    assert mask(text) == shown
