"""Who may answer for whom (RFC 6960 4.2.2.2), judged over whole paths: our own suite, verdicts from the RFC.

"The OCSP response is signed by the issuing CA, or by a responder whose certificate the CA has issued directly
and which holds id-kp-OCSPSigning". Where an answer does not count, nothing is known, and the certificate is
refused (hard fail).
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.trust.authorities import (
    AT,
    DAY,
    YEAR,
    authority,
    issue,
    make_crl,
    make_ocsp,
    new_key,
    ocsp_responder,
    root,
)
from trust.path import RevocationEvidence, ValidationInputs, validate_path

UNKNOWN, REVOKED = "revocation-unknown", "certificate-revoked"
BY_NAME, BY_KEY = ocsp.OCSPResponderEncoding.NAME, ocsp.OCSPResponderEncoding.HASH
SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING

ROOT = root("Root")
CITY = authority("City CA", ROOT)
SIBLING = authority("Sibling CA", ROOT)
# The same name, another key: not the issuer, though it is called so.
NAMESAKE = authority("City CA", ROOT)
LEAF = issue("Leaf", CITY)
BELOW = authority("Below", CITY)
RESPONDER = ocsp_responder(CITY)
UPPER = (make_crl(ROOT),)


def verdict(*answers, crls=(), others=(CITY,), nonce=None, leaf=LEAF, at=AT):
    """The first code against the leaf, "good" when there is none; of the authority a CRL tells."""
    inputs = ValidationInputs(
        (ROOT.ours,),
        tuple(other.ours for other in others),
        RevocationEvidence((*UPPER, *crls), tuple(answers)),
        ocsp_nonce=nonce,
    )
    report = validate_path(leaf.ours, inputs, at)
    return "good" if report.valid else report.rejections[0].code


def answer(responder=None, **changes):
    """A good answer about the leaf, signed by its issuer or a responder."""
    return make_ocsp(LEAF, CITY, responder=responder, **changes)


def responder(by=CITY, **changes):
    return ocsp_responder(by, **changes)


@pytest.mark.parametrize("encoding", [BY_NAME, BY_KEY])
def test_the_issuer_itself_and_whom_it_has_authorised(encoding):
    assert verdict(answer(encoding=encoding)) == "good"
    assert verdict(answer(RESPONDER, encoding=encoding)) == "good"


def test_nobody_has_answered():
    assert verdict() == UNKNOWN
    assert verdict(b"") == UNKNOWN
    assert verdict(b"\x30\x03\x0a\x01\x06") == UNKNOWN


STRANGERS = {
    "the root": lambda: answer(ROOT),
    "a sibling authority": lambda: answer(SIBLING),
    "an authority below": lambda: answer(BELOW),
    "a namesake of the issuer": lambda: answer(NAMESAKE),
    "the leaf": lambda: answer(LEAF),
    "a responder of the root": lambda: answer(responder(ROOT)),
    "a responder of a sibling": lambda: answer(responder(SIBLING)),
    "a responder of an authority below": lambda: answer(responder(BELOW)),
    "a responder of a namesake": lambda: answer(responder(NAMESAKE)),
    "a self-signed responder": lambda: answer(
        issue("OCSP responder", purposes=[SIGNING], extensions=[(x509.OCSPNoCheck(), False)])
    ),
    "a responder that a responder has issued": lambda: answer(responder(RESPONDER)),
    "a responder without a purpose": lambda: answer(responder(purposes=())),
    "a responder for any purpose": lambda: answer(
        responder(purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))
    ),
    "a server": lambda: answer(responder(purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))),
    "a responder that has expired": lambda: answer(responder(not_after=AT - DAY)),
    "a responder of the future": lambda: answer(responder(not_before=AT + DAY)),
    "a responder whose key is not for signatures": lambda: answer(responder(usage=("key_agreement",))),
    "a responder that is not sent along": lambda: answer(RESPONDER, embed=False),
    "a stranger in the responder's name": lambda: answer(RESPONDER, key=new_key()),
    "a stranger in the issuer's name": lambda: answer(key=new_key()),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_who_may_not_answer(who):
    assert verdict(STRANGERS[who]()) == UNKNOWN
    # With the true answer beside it nothing is lost.
    assert verdict(STRANGERS[who](), answer()) == "good"


def test_a_responder_signed_by_another_key_than_its_issuers():
    forged = issue("OCSP responder", NAMESAKE, purposes=[SIGNING], extensions=[(x509.OCSPNoCheck(), False)])
    assert verdict(answer(forged), others=(CITY, NAMESAKE)) == UNKNOWN


def test_a_responder_with_an_unknown_critical_extension():
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\5\0")
    odd = issue("Odd", CITY, purposes=[SIGNING], extensions=[(x509.OCSPNoCheck(), False), (unknown, True)])
    assert verdict(answer(odd)) == UNKNOWN


def test_a_responder_that_is_revoked():
    """4.2.2.2.1: without nocheck a CRL that lists it silences it; with nocheck nobody asks.

    The CRL knows nothing against the leaf, the responder does: who counts is seen by the verdict.
    """
    plain = responder(no_check=False)
    accusing = {"status": ocsp.OCSPCertStatus.REVOKED}
    assert verdict(answer(plain), crls=[make_crl(CITY)]) == "good"
    assert verdict(answer(plain, **accusing), crls=[make_crl(CITY)]) == REVOKED
    assert verdict(answer(plain, **accusing), crls=[make_crl(CITY, [plain.serial])]) == "good"
    assert verdict(answer(RESPONDER, **accusing), crls=[make_crl(CITY, [RESPONDER.serial])]) == REVOKED


@pytest.mark.parametrize(
    ("about", "issuer"),
    [
        (issue("Leaf", CITY), CITY),
        (issue("Leaf", SIBLING, serial=LEAF.serial), SIBLING),
        (LEAF, NAMESAKE),
        (CITY, ROOT),
    ],
    ids=["another serial number", "the number under a sibling", "the number under a namesake", "its issuer"],
)
def test_an_answer_about_another_certificate(about, issuer):
    """4.1.1: name, key and serial number."""
    other = make_ocsp(about, issuer, responder=None, key=CITY.key)
    assert verdict(other) == UNKNOWN


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()])  # noqa: S303
def test_the_digest_of_the_certificates_id_protects_nothing(algorithm):
    assert verdict(answer(algorithm=algorithm)) == "good"


def test_what_is_worse_counts():
    revoked = answer(status=ocsp.OCSPCertStatus.REVOKED)
    assert verdict(revoked) == REVOKED
    assert verdict(answer(), revoked) == REVOKED
    assert verdict(revoked, answer()) == REVOKED
    assert verdict(answer(), crls=[make_crl(CITY, [LEAF.serial])]) == REVOKED
    assert verdict(answer(status=ocsp.OCSPCertStatus.UNKNOWN)) == UNKNOWN
    assert verdict(answer(status=ocsp.OCSPCertStatus.UNKNOWN), answer()) == "good"


def test_a_strangers_revocation_does_not_count():
    """Who may not answer can neither save nor harm."""
    accused = answer(responder(SIBLING), status=ocsp.OCSPCertStatus.REVOKED)
    assert verdict(accused) == UNKNOWN
    assert verdict(accused, answer()) == "good"


@pytest.mark.parametrize(
    "times",
    [
        {"this_update": AT + timedelta(hours=1), "produced_at": AT + timedelta(hours=1)},
        {"this_update": AT - 2 * DAY, "next_update": AT - DAY, "produced_at": AT - 2 * DAY},
        {"this_update": AT - 2 * YEAR, "next_update": AT - YEAR, "produced_at": AT - 2 * YEAR},
        {"produced_at": AT + DAY},
    ],
    ids=["of tomorrow", "of yesterday", "of long ago", "signed tomorrow"],
)
def test_answers_that_are_not_current(times):
    """3.2 (5), (6)."""
    assert verdict(answer(**{"next_update": AT + 2 * DAY, **times})) == UNKNOWN


def test_nonces():
    assert verdict(answer(nonce=b"a" * 16), nonce=b"a" * 16) == "good"
    assert verdict(answer(nonce=b"b" * 16), nonce=b"a" * 16) == UNKNOWN
    assert verdict(answer(), nonce=b"a" * 16) == UNKNOWN
    assert verdict(answer(nonce=b"a" * 16)) == "good"


def test_a_renewed_issuer_answers_with_the_same_key():
    """Another certificate of the same name and key is the same authority."""
    renewed = authority("City CA", ROOT, key=CITY.key)
    assert verdict(make_ocsp(LEAF, renewed), others=(CITY,)) == "good"
    assert verdict(answer(), others=(renewed,)) == "good"
