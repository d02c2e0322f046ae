"""DSA keys that leave their parameters to their issuers' keys (RFC 5280 6.1.4 (d) to (f)), in paths."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec

from tests.trust.authorities import Party, issue, root
from trust.certificate import Certificate
from trust.encoding import der
from trust.encoding.certificate import assemble
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.public_key import OID_DSA, inherit_parameters, parse_key_info
from trust.report import PathReport

# DSA was still a standard.
AT = datetime(2020, 1, 1, tzinfo=UTC)
DATES = {"not_before": datetime(2019, 1, 1, tzinfo=UTC), "not_after": datetime(2022, 1, 1, tzinfo=UTC)}
GROUP = dsa.generate_parameters(2048)


def strip_parameters(party: Party, issuer: Party) -> Certificate:
    """The certificate without its key's parameters, signed again by its issuer."""
    whole = Certificate.parse(party.der)
    bare = der.sequence(der.sequence(der.oid(OID_DSA)), der.bit_string(parse_key_info(whole.public_key).key))
    assert inherit_parameters(bare, whole.public_key) == whole.public_key
    tbs = with_new_length(whole.tbs.replace(whole.public_key, bare))
    return Certificate.parse(assemble(tbs, whole.algorithm, sign(issuer, tbs)))


def with_new_length(tbs: bytes) -> bytes:
    """The SEQUENCE of what follows the header that no longer fits."""
    header = 2 + (tbs[1] & 0x7F if tbs[1] & 0x80 else 0)
    return der.sequence(tbs[header:])


def sign(issuer: Party, data: bytes) -> bytes:
    if isinstance(issuer.key, ec.EllipticCurvePrivateKey):
        return issuer.key.sign(data, ec.ECDSA(hashes.SHA256()))
    return issuer.key.sign(data, hashes.SHA256())


def judge(target: Certificate, anchor: Party, *others: Certificate) -> PathReport:
    inputs = ValidationInputs((anchor.ours,), others, revocation_policy=RevocationPolicy.NOT_CHECKED)
    return validate_path(target, inputs, AT)


def dsa_party(name: str, issuer: Party, **more) -> Party:
    return issue(name, issuer, key=GROUP.generate_private_key(), **DATES, **more)


def test_parameters_come_down_two_levels():
    top = root(key=GROUP.generate_private_key(), **DATES)
    first = dsa_party("A", top, ca=True)
    second = dsa_party("B", first, ca=True)
    bare = (strip_parameters(first, top), strip_parameters(second, first))
    assert judge(issue("C", second, **DATES).ours, top, *bare).valid
    forger = Party(GROUP.generate_private_key(), second.x509)
    report = judge(issue("C", forger, key_identifiers=False, **DATES).ours, top, *bare)
    assert "signature-invalid" in {rejection.code for rejection in report.rejections}


def test_another_kind_of_issuer_has_none_to_give():
    """A key whose parameters nobody above gives has signed nothing, whatever other certificates say."""
    top = root(**DATES)
    middle = dsa_party("A", top, ca=True)
    # Of the anchor's name, with the parameters that would fit, but no part of the path.
    look_alike = root("Root", key=GROUP.generate_private_key(), **DATES)
    target = issue("C", middle, **DATES).ours
    assert judge(target, top, middle.ours, look_alike.ours).valid
    report = judge(target, top, strip_parameters(middle, top), look_alike.ours)
    assert not report.valid
    assert report.rejections[0].code == "algorithm-refused"
    assert "parameters" in report.rejections[0].message_en


def test_a_target_without_parameters_is_refused_under_another_kind_of_issuer():
    top = root(**DATES)
    report = judge(strip_parameters(dsa_party("A", top), top), top)
    assert [rejection.code for rejection in report.rejections] == ["algorithm-refused"]
