"""The approval statement: one encoding, nothing unknown, nothing missing, nothing twice."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trust.samples import AT, authority, openssl, party
from trust.approval import (
    APPROVAL_CONTENT_TYPE,
    MAXIMUM_STATEMENT_SIZE,
    ApprovalError,
    ApprovalPurpose,
    ApprovalStatement,
    encode_statement,
    parse_approval,
    parse_statement,
    sign_approval,
    visible_text,
)
from trust.cms import CMSError, sign_cms, verify_signed_data

STATEMENT = ApprovalStatement(
    application="A-2026-0001",
    issuer_key_id="00ff" * 10,
    profiles=("citizen-authentication", "citizen-signature"),
    subjects=("serialNumber=TX1,CN=李明,C=CN", "serialNumber=TX1,CN=李明,C=CN"),
    tbs_digests=("ab" * 32, "cd" * 32),
    requester="王小明",
    expires_at=datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC),
)
ENCODED = (
    '{"application":"A-2026-0001","expires_at":"2026-11-22T18:00:00Z","issuer_key_id":"' + "00ff" * 10 + '",'
    '"profiles":["citizen-authentication","citizen-signature"],"purpose":"issue","requester":"王小明",'
    '"subjects":["serialNumber=TX1,CN=李明,C=CN","serialNumber=TX1,CN=李明,C=CN"],'
    '"tbs_digests":["' + "ab" * 32 + '","' + "cd" * 32 + '"],"version":1}'
).encode()


def test_the_one_encoding():
    assert encode_statement(STATEMENT) == ENCODED
    assert parse_statement(ENCODED) == STATEMENT
    assert STATEMENT.purpose is ApprovalPurpose.ISSUE


def test_a_name_of_unknown_characters_can_be_shown():
    # U+E000 is private, U+2EBF0 was assigned later than some machines' tables, U+202E turns the line round.
    assert visible_text("王\ue000\u202e芳") == "王\\ee\\80\\80\\e2\\80\\ae芳"
    encode_statement(dataclasses.replace(STATEMENT, subjects=(visible_text("CN=\ue000"), "CN=李明")))


visible = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=80)
statements = st.integers(1, 5).flatmap(
    lambda count: st.builds(
        ApprovalStatement,
        application=visible,
        issuer_key_id=st.binary(min_size=20, max_size=20).map(bytes.hex),
        profiles=st.tuples(*[visible] * count),
        subjects=st.tuples(*[visible] * count),
        tbs_digests=st.lists(
            st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=count, max_size=count, unique=True
        ).map(tuple),
        requester=visible,
        expires_at=st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1)).map(  # noqa: DTZ001 - made aware
            lambda at: at.replace(microsecond=0, tzinfo=UTC)
        ),
    )
)


@given(statements)
def test_every_statement_comes_back_in_canonical_json(statement):
    encoded = encode_statement(statement)
    assert parse_statement(encoded) == statement
    again = json.dumps(json.loads(encoded), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == encoded


def changed(**changes):
    document = json.loads(ENCODED)
    for name, value in changes.items():
        if value is None:
            del document[name]
        else:
            document[name] = value
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


BAD = {
    "empty": (b"", "approval-not-json"),
    "not JSON": (b"{", "approval-not-json"),
    "not UTF-8": (ENCODED.replace("王".encode(), b"\xff"), "approval-not-json"),
    "UTF-16": (ENCODED.decode().encode("utf-16"), "approval-not-json"),
    "byte order mark": (b"\xef\xbb\xbf" + ENCODED, "approval-not-json"),
    "a list": (b"[]", "approval-not-json"),
    "a number of a million digits": (b"1" * 10_000, "approval-not-json"),
    "deep": (b"[" * 10_000, "approval-not-json"),
    "too large": (b" " * (MAXIMUM_STATEMENT_SIZE + 1), "approval-too-large"),
    "space": (ENCODED.replace(b",", b", ", 1), "approval-not-canonical"),
    "newline at the end": (ENCODED + b"\n", "approval-not-canonical"),
    "escaped": (ENCODED.replace("王".encode(), b"\\u738b"), "approval-not-canonical"),
    "unsorted": (b'{"version":1,' + ENCODED[1:].replace(b',"version":1', b""), "approval-not-canonical"),
    "member twice": (ENCODED[:-1] + b',"version":1}', "approval-member-repeated"),
    "member twice with another value": (b'{"application":"B",' + ENCODED[1:], "approval-member-repeated"),
    "unknown member": (changed(zeal="x"), "approval-members"),
    "missing member": (changed(requester=None), "approval-members"),
    "no version": (changed(version=None), "approval-version"),
    "version 2": (changed(version=2), "approval-version"),
    "version true": (changed(version=True), "approval-version"),
    "version 1.0": (changed(version=1.0), "approval-version"),
    "version text": (changed(version="1"), "approval-version"),
    "unknown purpose": (changed(purpose="revoke-all"), "approval-purpose"),
    "purpose a list": (changed(purpose=["issue"]), "approval-type"),
    "profiles a text": (changed(profiles="citizen-authentication"), "approval-type"),
    "profiles of numbers": (changed(profiles=[1, 2]), "approval-type"),
    "a profile too few": (changed(profiles=["citizen-authentication"]), "approval-count"),
    "a subject too few": (changed(subjects=["CN=李明"]), "approval-count"),
    "no subjects": (changed(subjects=None), "approval-members"),
    "a subject without a name": (changed(subjects=["CN=李明", ""]), "approval-text"),
    "an invisible subject": (changed(subjects=["CN=李明", "CN=王\u202e芳"]), "approval-text"),
    "a long subject": (changed(subjects=["CN=李明", "C" * 2049]), "approval-text"),
    "nothing to issue": (changed(profiles=[], subjects=[], tbs_digests=[]), "approval-count"),
    "too many": (
        changed(profiles=["x"] * 65, subjects=["x"] * 65, tbs_digests=["ab" * 32] * 65),
        "approval-count",
    ),
    "short digest": (changed(tbs_digests=["ab" * 31, "cd" * 32]), "approval-digest"),
    "capital digest": (changed(tbs_digests=["AB" * 32, "cd" * 32]), "approval-digest"),
    "digest twice": (changed(tbs_digests=["ab" * 32, "ab" * 32]), "approval-digest"),
    "issuer key id": (changed(issuer_key_id="xyz"), "approval-issuer-key-id"),
    "no application": (changed(application=""), "approval-text"),
    "invisible requester": (changed(requester="王\u202e"), "approval-text"),
    "line break": (changed(application="a\nb"), "approval-text"),
    "long text": (changed(application="a" * 257), "approval-text"),
    "no time": (changed(expires_at="tomorrow"), "approval-time"),
    "no such day": (changed(expires_at="2026-02-30T00:00:00Z"), "approval-time"),
    "time without zone": (changed(expires_at="2026-11-22T18:00:00"), "approval-time"),
    "time with offset": (changed(expires_at="2026-11-22T18:00:00+08:00"), "approval-time"),
    "full-width digits": (changed(expires_at="２026-11-22T18:00:00Z"), "approval-time"),
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_bad_statements_are_refused_by_name(data, code):
    with pytest.raises(ApprovalError) as caught:
        parse_statement(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"expires_at": datetime(2026, 11, 22)},  # noqa: DTZ001 - the bad input
        {"expires_at": datetime(2026, 11, 22, microsecond=1, tzinfo=UTC)},
        {"tbs_digests": ()},
        {"requester": ""},
        {
            "profiles": tuple("王" * 250 for _ in range(60)),
            "subjects": tuple("王" for _ in range(60)),
            "tbs_digests": tuple(f"{n:064x}" for n in range(60)),
        },
    ],
)
def test_bad_statements_are_not_written(changes):
    with pytest.raises(ApprovalError):
        encode_statement(dataclasses.replace(STATEMENT, **changes))


@given(st.data())
def test_only_approval_errors_escape_and_no_change_goes_unseen(data):
    changed_bytes = bytearray(ENCODED)
    position = data.draw(st.integers(0, len(ENCODED) - 1))
    changed_bytes[position] = data.draw(st.integers(0, 255))
    try:
        statement = parse_statement(bytes(changed_bytes))
    except ApprovalError:
        return
    assert (statement == STATEMENT) == (bytes(changed_bytes) == ENCODED)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_any_json_is_refused_calmly(document):
    with pytest.raises(ApprovalError):
        parse_statement(json.dumps(document).encode())


# --- the signature around it --------------------------------------------------------------------


def test_an_approval_comes_back():
    officer = party("p256")
    approval = sign_approval(ENCODED, officer.signer, officer.der, at=AT)
    statement, facts = parse_approval(approval)
    assert statement == STATEMENT
    assert verify_signed_data(facts).der == officer.der


@pytest.mark.foreign
def test_openssl_checks_an_approval_and_prints_the_statement(tmp_path):
    officer = party("p256")
    (tmp_path / "approval").write_bytes(sign_approval(ENCODED, officer.signer, officer.der, at=AT))
    root = authority().write(tmp_path / "root.pem")
    verify = ["cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", tmp_path / "approval"]
    verify += ["-CAfile", root, "-purpose", "any", "-attime", int(AT.timestamp()), "-out", tmp_path / "out"]
    openssl(*verify)
    assert (tmp_path / "out").read_bytes() == ENCODED


def test_a_statement_signed_as_a_document_is_no_approval():
    officer = party("p256")
    with pytest.raises(ApprovalError) as caught:
        parse_approval(sign_cms(ENCODED, officer.signer, officer.der))
    assert caught.value.code == "approval-content-type"


def test_an_approval_without_its_statement_is_refused():
    officer = party("p256")
    detached = sign_cms(
        ENCODED, officer.signer, officer.der, detached=True, content_type=APPROVAL_CONTENT_TYPE
    )
    with pytest.raises(ApprovalError) as caught:
        parse_approval(detached)
    assert caught.value.code == "approval-detached"


def test_what_is_no_statement_is_not_signed():
    officer = party("p256")
    with pytest.raises(ApprovalError):
        sign_approval(ENCODED + b" ", officer.signer, officer.der)


def test_a_large_approval_is_refused():
    with pytest.raises(CMSError) as caught:
        parse_approval(bytes(100_000))
    assert caught.value.code == "der-too-large"
