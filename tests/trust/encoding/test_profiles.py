"""Random profiles, 3,000 in all: octet for octet those of `cryptography`'s builders, read by our readers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import ocsp

from tests.trust.encoding.profiles import ProfileMaker, sign_with
from tests.trust.encoding.values import LAST_MOMENT
from tests.trust.samples import authority, party
from trust.certificate import Certificate
from trust.crl import load_crl
from trust.encoding.certificate import encode_tbs_certificate, sign_certificate
from trust.encoding.crl import RevokedEntry, encode_crl
from trust.encoding.extensions import key_identifier
from trust.encoding.ocsp import (
    OCSPResponseWriter,
    SingleAnswer,
    encode_cert_id,
    responder_by_key,
    responder_by_name,
)
from trust.encoding.request import sign_request
from trust.ocsp_response import parse_ocsp_response
from trust.status import CertStatus, CRLReason

DER = serialization.Encoding.DER
# 12 slices, so that several processes can share the work: 1,200 certificates, 600 of each other kind.
SLICES = range(12)
CERTIFICATES, OTHERS = 100, 50


def makers(slice_number, count):
    """A source of randomness for each profile, with the number to make it again by."""
    return [ProfileMaker(slice_number * 1000 + number) for number in range(count)]


@pytest.mark.parametrize("slice_number", SLICES)
def test_certificates_are_the_librarys(slice_number):
    for number, maker in enumerate(makers(slice_number, CERTIFICATES)):
        profile = maker.profile()
        expected = sign_with(profile.builder, profile.issuing)
        where = f"slice {slice_number}, profile {number}"
        assert encode_tbs_certificate(profile.fields) == expected.tbs_certificate_bytes, where
        encoded = sign_certificate(profile.fields, profile.issuing)
        assert encoded == expected.public_bytes(DER), where
        read = Certificate.parse(encoded)
        read.check_extensions()
        assert read.serial_number == profile.fields.serial_number
        assert (read.not_valid_before, read.not_valid_after) == profile.fields[3:5]
        assert [*read.extensions] == [extension.oid for extension in profile.fields.extensions]


@pytest.mark.parametrize("slice_number", SLICES)
def test_requests_are_the_librarys(slice_number):
    for number, maker in enumerate(makers(slice_number, OTHERS)):
        profile = maker.profile()
        builder = x509.CertificateSigningRequestBuilder(profile.their_subject)
        for extension, theirs in profile.extensions:
            builder = builder.add_extension(theirs, extension.critical)
        expected = sign_with(builder, profile.issuing).public_bytes(DER)
        encoded = sign_request(profile.fields.subject, profile.issuing, profile.fields.extensions)
        assert encoded == expected, f"slice {slice_number}, profile {number}"


REASONS = {
    reason: x509.ReasonFlags(reason.text)
    for reason in CRLReason
    if reason not in (CRLReason.UNSPECIFIED, CRLReason.REMOVE_FROM_CRL)
}


@pytest.mark.parametrize("slice_number", SLICES)
def test_crls_are_the_librarys(slice_number):
    for number, maker in enumerate(makers(slice_number, OTHERS)):
        profile, pick = maker.profile(), maker.random
        issuer, their_issuer = maker.name()
        this_update, crl_number = maker.moment(), maker.serial_number() - 1
        next_update = min(LAST_MOMENT, this_update + timedelta(seconds=pick.randint(1, 10**9)))
        entries = [
            RevokedEntry(maker.serial_number(), maker.moment(), pick.choice([None, *REASONS]))
            for _ in range(pick.choice([0, 1, 5]))
        ]
        issuing = profile.issuing
        their_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.key.public_key())
        builder = (
            x509.CertificateRevocationListBuilder(their_issuer, this_update, next_update)
            .add_extension(their_key, False)
            .add_extension(x509.CRLNumber(crl_number), False)
        )
        for entry in entries:
            revoked = x509.RevokedCertificateBuilder(entry.serial_number, entry.revoked_at)
            if entry.reason is not None:
                revoked = revoked.add_extension(x509.CRLReason(REASONS[entry.reason]), False)
            builder = builder.add_revoked_certificate(revoked.build())
        encoded = encode_crl(
            issuer=issuer,
            signer=issuing,
            this_update=this_update,
            next_update=next_update,
            number=crl_number,
            authority_key_identifier=key_identifier(issuing.public_key),
            entries=entries,
        )
        where = f"slice {slice_number}, profile {number}"
        assert encoded == sign_with(builder, issuing).public_bytes(DER), where
        assert load_crl(encoded).number == crl_number, where


DIGESTS = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}  # noqa: S303 - both digests of CertIDs
STATUSES = {
    CertStatus.GOOD: ocsp.OCSPCertStatus.GOOD,
    CertStatus.REVOKED: ocsp.OCSPCertStatus.REVOKED,
    CertStatus.UNKNOWN: ocsp.OCSPCertStatus.UNKNOWN,
}


@pytest.mark.parametrize("slice_number", SLICES)
def test_ocsp_responses_are_the_librarys(slice_number):
    root, kinds = authority(), ("rsa", "p256", "p384", "p521", "ed25519")
    for number, maker in enumerate(makers(slice_number, OTHERS)):
        pick = maker.random
        responder, subject = party(pick.choice(kinds), "ocsp"), party(pick.choice(kinds))
        status, digest = pick.choice(list(STATUSES)), pick.choice(list(DIGESTS))
        this_update = maker.moment()
        next_update = pick.choice([None, this_update + timedelta(hours=pick.randint(0, 99))])
        revoked_at = maker.moment() if status is CertStatus.REVOKED else None
        reason = pick.choice([None, *REASONS]) if revoked_at else None
        nonce = pick.choice([None, pick.randbytes(pick.randint(1, 128))])
        by_key, with_certificate = pick.random() < 0.5, pick.random() < 0.5
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                subject.certificate,
                root.certificate,
                DIGESTS[digest],
                STATUSES[status],
                this_update,
                next_update,
                revoked_at,
                REASONS.get(reason),
            )
            .responder_id(
                ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME,
                responder.certificate,
            )
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), False)
        if with_certificate:
            builder = builder.certificates([responder.certificate])
        edwards = isinstance(responder.signer.key, ed25519.Ed25519PrivateKey)
        expected = builder.sign(responder.signer.key, None if edwards else responder.signer.digest)
        public_key = responder.signer.public_key
        writer = OCSPResponseWriter(
            responder.signer,
            responder_by_key(public_key)
            if by_key
            else responder_by_name(responder.certificate.subject.public_bytes()),
            [responder.der] if with_certificate else [],
        )
        cert_id = encode_cert_id(
            root.certificate.subject.public_bytes(),
            root.signer.public_key,
            subject.certificate.serial_number,
            digest,
        )
        answer = SingleAnswer(cert_id, status, this_update, next_update, revoked_at, reason)
        # The library takes the machine's time for producedAt, and so does the comparison.
        encoded = writer.write([answer], produced_at=expected.produced_at_utc, nonce=nonce)
        where = f"slice {slice_number}, response {number}"
        loaded = ocsp.load_der_ocsp_response(encoded)
        assert loaded.tbs_response_bytes == expected.tbs_response_bytes, where
        assert loaded.signature_algorithm_oid == expected.signature_algorithm_oid, where
        assert len(loaded.certificates) == with_certificate, where
        # This builder does not make RFC 6979's signatures, so those of ECDSA differ.
        if not isinstance(responder.signer.key, ec.EllipticCurvePrivateKey):
            assert encoded == expected.public_bytes(DER), where
        read = parse_ocsp_response(encoded)
        assert read.nonce == nonce, where
        assert [(each.status, each.reason) for each in read.answers] == [(status, reason)], where
