"""Who is revoked: a CRL of a million entries read, a path validated with it, an OCSP answer checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import cycle

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY, ISSUER_NAME, LATER, SERIAL_NUMBER, SUBJECT, name
from trust.certificate import Certificate
from trust.crl import CertificateRevocationList, load_crl
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.crl import RevokedEntry, delta_crl_indicator, encode_crl, encode_revoked_entry
from trust.encoding.extensions import (
    Extension,
    KeyUsage,
    authority_key_identifier,
    basic_constraints,
    crl_distribution_points,
    key_identifier,
    key_usage,
    subject_key_identifier,
)
from trust.encoding.ocsp import OCSPResponseWriter, SingleAnswer, encode_cert_id, responder_by_key
from trust.ocsp import parse_ocsp_response, verify_ocsp_response
from trust.path import RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.status import CertStatus, CRLReason

_ENTRIES = 1_000_000
# The library's list is iterated in seconds; a tenth of it tells as much.
_ENTRIES_FOR_THE_LIBRARY = 100_000
_LEAVES = 4000
_NOW = AT + timedelta(hours=1)
_NONCE = bytes(range(32))
_ALGORITHM = ec.ECDSA(hashes.SHA256())


def _stored(count: int) -> list[bytes]:
    """Entries of a year, each at its own second."""
    seconds = 365 * 24 * 3600 // count + 1
    return [
        encode_revoked_entry(
            RevokedEntry(SERIAL_NUMBER + n, AT - timedelta(seconds=n * seconds), CRLReason.SUPERSEDED)
        )
        for n in range(count)
    ]


def _crl(entries: list[bytes], number: int = 7, *extensions: Extension) -> bytes:
    """The list, signed."""
    return encode_crl(
        issuer=ISSUER_NAME.public_bytes(),
        signer=ISSUER,
        this_update=AT,
        next_update=LATER,
        number=number,
        authority_key_identifier=key_identifier(ISSUER.public_key),
        entries=entries,
        extensions=extensions,
    )


def _read(data: bytes) -> CertificateRevocationList:
    """Read, verify, index."""
    crl = load_crl(data)
    crl.verify(ISSUER.public_key, _NOW)
    assert crl.find(1) is None
    return crl


def _read_by_the_library(data: bytes) -> None:
    """The same with the library: its list has no index, so one is made."""
    crl = x509.load_der_x509_crl(data)
    assert crl.is_signature_valid(ISSUER_KEY.public_key())
    assert 1 not in {entry.serial_number: entry for entry in crl}


# --- certificates ----------------------------------------------------------------------------------------


def _certificate(number: int, subject: bytes, public_key: bytes, *extensions: Extension) -> bytes:
    """A certificate of the issuing authority."""
    fields = CertificateFields(
        serial_number=number,
        algorithm=ISSUER.algorithm,
        issuer=ISSUER_NAME.public_bytes(),
        not_valid_before=AT - timedelta(days=30),
        not_valid_after=LATER,
        subject=subject,
        public_key=public_key,
        extensions=(
            *extensions,
            subject_key_identifier(public_key),
            authority_key_identifier(ISSUER.public_key),
        ),
    )
    return sign_certificate(fields, ISSUER)


def _authority() -> Certificate:
    """The issuing authority, which is the trust anchor here."""
    usage = key_usage(KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN)
    data = _certificate(1, ISSUER_NAME.public_bytes(), ISSUER.public_key, basic_constraints(True), usage)
    return Certificate.parse(data)


def _leaf(number: int) -> bytes:
    """A citizen's certificate."""
    return _certificate(
        (1 << 126) + number,
        name(f"李明 {number}").public_bytes(),
        SUBJECT.public_key,
        key_usage(KeyUsage.DIGITAL_SIGNATURE),
        crl_distribution_points("http://va.example/crl/1.crl"),
    )


def _validated(inputs: ValidationInputs, leaves: Iterator[bytes]) -> None:
    """Parse and validate the next certificate."""
    assert validate_path(Certificate.parse(next(leaves)), inputs, _NOW).valid


# --- OCSP -------------------------------------------------------------------


def _ocsp_response(issuer: Certificate, serial_number: int) -> bytes:
    """An answer that the authority signed itself."""
    cert_id = encode_cert_id(issuer.subject, issuer.public_key, serial_number)
    writer = OCSPResponseWriter(ISSUER, responder_by_key(ISSUER.public_key))
    return writer.write([SingleAnswer(cert_id, CertStatus.GOOD, AT, LATER)], produced_at=AT, nonce=_NONCE)


def _checked(response: bytes, certificate: Certificate, issuer: Certificate) -> None:
    """Parse the answer and make every check."""
    read = parse_ocsp_response(response)
    answer = verify_ocsp_response(read, certificate, issuer, _NOW, nonce=_NONCE)
    assert answer.status is CertStatus.GOOD


def _verification(response: bytes) -> Callable[[], None]:
    """The one signature verification that the check needs."""
    read, key = parse_ocsp_response(response), ISSUER_KEY.public_key()
    return partial(key.verify, read.signature, read.tbs, _ALGORITHM)


# --- the measurements ------------------------------------------------------------------------------------


def _crl_comparisons(data: bytes, crl: CertificateRevocationList) -> Iterator[Comparison]:
    """The list read and looked up in, beside the library and the digest of as many octets."""
    title = f"CRL of {_ENTRIES:,}: verified, indexed, entries"
    read = partial(_read, data)
    yield compare(
        title, read,
        f"cryptography, {_ENTRIES_FOR_THE_LIBRARY:,}, entries",
        partial(_read_by_the_library, _crl(_stored(_ENTRIES_FOR_THE_LIBRARY))),
        our_units=_ENTRIES, peer_units=_ENTRIES_FOR_THE_LIBRARY,
    )  # fmt: skip
    yield compare(title, read, "SHA-256 of the same octets, entries", lambda: hashlib.sha256(data).digest(),
                  our_units=_ENTRIES, peer_units=_ENTRIES)  # fmt: skip
    yield compare(title, read, "signatures, P-256", lambda: ISSUER_KEY.sign(_NONCE, _ALGORITHM),
                  our_units=_ENTRIES)  # fmt: skip
    listed, absent = SERIAL_NUMBER + 5, SERIAL_NUMBER - 5
    yield compare("look-up, absent", lambda: crl.find(absent), "listed", lambda: crl.find(listed))


def _path_comparison(crl: CertificateRevocationList) -> Comparison:
    """A path validated with the list and a delta CRL, beside one that asks nothing about revocation."""
    authority, leaves = _authority(), cycle([_leaf(number) for number in range(_LEAVES)])
    delta = load_crl(_crl(_stored(1), 8, delta_crl_indicator(7)))
    silent = ValidationInputs(anchors=(authority,), revocation_policy=RevocationPolicy.NOT_CHECKED)
    asking = ValidationInputs(anchors=(authority,), revocation=RevocationEvidence((crl, delta)))
    return compare(
        f"path with a CRL of {_ENTRIES:,} and a delta", partial(_validated, asking, leaves),
        "without revocation", partial(_validated, silent, leaves),
    )  # fmt: skip


def comparisons() -> Iterator[Comparison]:
    """Yield the results; the large list is written once."""
    stored = _stored(_ENTRIES)
    data = _crl(stored)
    yield compare(
        f"CRL of {_ENTRIES:,}: written and signed, entries", partial(_crl, stored),
        "limit: octets put together, entries", lambda: b"".join(stored),
        our_units=_ENTRIES, peer_units=_ENTRIES,
    )  # fmt: skip
    crl = _read(data)
    yield from _crl_comparisons(data, crl)
    yield _path_comparison(crl)
    authority, leaf = _authority(), Certificate.parse(_leaf(0))
    response = _ocsp_response(authority, leaf.serial_number)
    yield compare(
        "OCSP answer, every check, P-256", partial(_checked, response, leaf, authority),
        "limit: its signature verified", _verification(response),
    )  # fmt: skip
