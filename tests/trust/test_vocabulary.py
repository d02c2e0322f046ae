"""Kinds of certificates, revocation reasons, errors."""

from __future__ import annotations

import pickle

import pytest
from cryptography import x509

from tests.trust.samples import signer
from trust.encoding.der import DerError
from trust.errors import TrustError
from trust.profile_policy import (
    DEFAULT_POLICY_ARC,
    CertificateKind,
    kind_of,
    policy_oid,
    service_name,
    service_uri,
)
from trust.signer import Signer
from trust.status import CRLReason


def test_each_kind_is_found_by_its_policy():
    for kind in CertificateKind:
        assert kind_of([policy_oid(kind)]) is kind
        assert kind_of(["2.5.29.32.0", policy_oid(kind, "1.2.3")], "1.2.3") is kind
    assert policy_oid(CertificateKind.CITIZEN_SIGNATURE) == "1.3.6.1.4.1.32473.1.1.2"


def test_no_kind_or_several_kinds_are_none():
    assert kind_of([]) is None
    assert kind_of([policy_oid(CertificateKind.TLS_CLIENT, "1.2.3")]) is None
    assert kind_of([policy_oid(CertificateKind.TLS_CLIENT), policy_oid(CertificateKind.TLS_SERVER)]) is None
    assert kind_of([f"{DEFAULT_POLICY_ARC}.1.10"]) is None


def test_a_kind_is_for_logins_or_for_documents_or_for_neither():
    assert [kind for kind in CertificateKind if kind.is_authentication and kind.is_signature] == []
    assert sum(kind.is_authentication for kind in CertificateKind) == 3
    assert sum(kind.is_signature for kind in CertificateKind) == 3


def test_services_are_named_by_one_uri():
    assert service_name([service_uri("ra"), "http://x"]) == "ra"
    assert service_name([]) is None
    assert service_name([service_uri("ra"), service_uri("ca")]) is None


def test_reasons_are_written_as_rfc_5280_does():
    assert {reason.text for reason in CRLReason} == {flag.value for flag in x509.ReasonFlags}
    for reason in CRLReason:
        assert CRLReason.from_text(reason.text) is reason
    with pytest.raises(ValueError, match="not a revocation reason"):
        CRLReason.from_text("lost")


def test_errors_keep_their_code_through_pickling():
    error = pickle.loads(pickle.dumps(DerError("cut", code="der-truncated", clause="X.690 8")))  # noqa: S301
    assert isinstance(error, TrustError)
    assert (str(error), error.code, error.clause) == ("cut", "der-truncated", "X.690 8")


def test_a_signer_is_known_by_its_shape():
    assert isinstance(signer("p256"), Signer)
    assert not isinstance(object(), Signer)
