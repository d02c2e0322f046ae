"""The city's subjects: their form, and numbers that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trust.identifiers import IdentifierError
from trust.names import NamingError, name_to_text
from trust.subjects import (
    check_subject_number,
    citizen_subject,
    enterprise_subject,
    new_subject_number,
    officer_subject,
    service_subject,
)

NUMBER = new_subject_number(bytes(range(15)))


def test_the_citys_subjects():
    assert name_to_text(citizen_subject("王小明", NUMBER)) == f"serialNumber={NUMBER},CN=王小明,C=CN"
    assert (
        name_to_text(enterprise_subject("建设", "91350100m000100y43", NUMBER))
        == f"serialNumber={NUMBER},CN=建设,organizationIdentifier=NTRCN-91350100M000100Y43,O=建设,C=CN"
    )
    assert (
        name_to_text(officer_subject("李", "市民政局", NUMBER))
        == f"serialNumber={NUMBER},CN=李,O=市民政局,C=CN"
    )
    assert name_to_text(service_subject("OCSP", "City")) == "CN=OCSP,O=City,C=CN"


def test_subjects_with_wrong_numbers_are_refused():
    with pytest.raises(NamingError):
        citizen_subject("王小明", "11010519491231002X")
    with pytest.raises(IdentifierError):
        enterprise_subject("建设", "91350100M000100Y44", NUMBER)


def test_subject_numbers():
    assert new_subject_number(bytes(15)) == "TX" + "0" * 24
    assert new_subject_number(b"\xff" * 16) == "TX" + "Z" * 24
    assert new_subject_number(bytes(14) + b"\x21") == "TX" + "0" * 22 + "11"
    assert check_subject_number(NUMBER) == NUMBER
    with pytest.raises(NamingError):
        new_subject_number(bytes(14))
    for bad in ("", NUMBER[:-1], NUMBER + "0", NUMBER.lower(), NUMBER[:-1] + "I", NUMBER + "\n"):
        with pytest.raises(NamingError):
            check_subject_number(bad)


@given(st.binary(min_size=15, max_size=15), st.binary(min_size=15, max_size=15))
def test_different_randomness_gives_different_numbers(first, second):
    assert (new_subject_number(first) == new_subject_number(second)) == (first == second)
