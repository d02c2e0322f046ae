"""Every reader of foreign octets, fed with broken ones: only the engine's own errors, and no time lost.

The samples are right, and each is changed a little: an octet or a few, a piece cut out, doubled or put
elsewhere, or an element given another content with all lengths around it made right again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca.certification_request import parse_request
from ca.errors import CertificationRequestError
from tests.bounds import BUSY_SECOND
from tests.trust.authorities import (
    AT,
    DAY,
    authority,
    issue,
    key_usage,
    make_crl,
    make_ocsp,
    name,
    new_key,
    ocsp_responder,
    root,
)
from tests.trust.samples import SampleSigner
from trust.algorithms import check_algorithm, parse_algorithm
from trust.certificate import Certificate, load_pem_certificates
from trust.certs_only import load_certificates
from trust.cms import parse_signed_data
from trust.crl import load_crl
from trust.digest import DigestAlgorithm, parse_digest_algorithm
from trust.encoding import der
from trust.encoding.ocsp import parse_ocsp_request
from trust.encoding.timestamp import (
    encode_timestamp_request,
    encode_timestamp_response,
    encode_timestamp_token,
    parse_timestamp_request,
)
from trust.errors import TrustError
from trust.ocsp import parse_ocsp_response, verify_ocsp_response
from trust.path import RevocationEvidence, ValidationInputs, validate_path
from trust.pss import write_pss_algorithm
from trust.public_key import load_public_key
from trust.timestamp import parse_timestamp_response, parse_timestamp_token

# Processor time for one input; the work is bounded far below.
SECONDS = BUSY_SECOND
OCTETS = (0, 1, 2, 0x30, 0x31, 0x7F, 0x80, 0x82, 0xA0, 0xFF)

TOP = root()
CONSTRAINTS = x509.NameConstraints([x509.DNSName("city.example")], None)
MIDDLE = authority("Middle", TOP, policies=["1.2.3"], extensions=[(CONSTRAINTS, True)])
LEAF = issue("Leaf", MIDDLE, policies=["1.2.3"], names=[x509.DNSName("www.city.example")])
RESPONDER = ocsp_responder(MIDDLE)
CRLS = [
    make_crl(TOP),
    make_crl(MIDDLE, [(7, AT - DAY, x509.ReasonFlags.key_compromise), (1 << 150, AT - DAY, None), 9]),
]
OCSP = make_ocsp(LEAF, MIDDLE, responder=RESPONDER, nonce=b"n" * 16)
OCSP_BY_ISSUER = make_ocsp(LEAF, MIDDLE)


def _request() -> bytes:
    key = new_key()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("Applicant"))
    builder = builder.add_extension(key_usage("digital_signature"), critical=True)
    builder = builder.add_attribute(x509.ObjectIdentifier("1.2.840.113549.1.9.7"), b"challenge")
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _ocsp_request() -> bytes:
    builder = x509.ocsp.OCSPRequestBuilder().add_certificate(LEAF.x509, MIDDLE.x509, hashes.SHA256())
    builder = builder.add_extension(x509.OCSPNonce(b"n" * 16), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


def _spki(kind: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else new_key(kind)
    encoding, shape = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, shape)


TIMESTAMP_REQUEST = encode_timestamp_request(DigestAlgorithm.SHA256, b"d" * 32, nonce=7)
STAMPING = issue("TSA", TOP, purposes=[ExtendedKeyUsageOID.TIME_STAMPING], purposes_critical=True)
TOKEN = encode_timestamp_token(
    parse_timestamp_request(TIMESTAMP_REQUEST),
    signer=SampleSigner(STAMPING.key),
    certificate=STAMPING.der,
    policy="1.3.6.1.4.1.32473.1.9",
    serial_number=7,
    gen_time=AT,
    accuracy=timedelta(seconds=1),
)
SHA256 = DigestAlgorithm.SHA256
PSS = write_pss_algorithm(DigestAlgorithm.SHA384.oid, 48)


def _verify_ocsp(data: bytes) -> None:
    verify_ocsp_response(parse_ocsp_response(data), LEAF.ours, MIDDLE.ours, AT, nonce=b"n" * 16)


def _check_algorithm(data: bytes) -> None:
    check_algorithm(data, AT)


def _pem(data: bytes) -> None:
    load_pem_certificates(data)


READERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "certificate": (Certificate.parse, [LEAF.der, MIDDLE.der]),
    "PEM": (_pem, [LEAF.ours.pem.encode()]),
    "certificates alone": (load_certificates, [LEAF.der]),
    "CRL": (load_crl, CRLS),
    "OCSP response": (parse_ocsp_response, [OCSP, OCSP_BY_ISSUER]),
    "OCSP response, verified": (_verify_ocsp, [OCSP]),
    "OCSP request": (parse_ocsp_request, [_ocsp_request()]),
    "certification request": (parse_request, [_request()]),
    "algorithm": (parse_algorithm, [MIDDLE.ours.algorithm, PSS]),
    "algorithm by date": (_check_algorithm, [MIDDLE.ours.algorithm, PSS]),
    "digest algorithm": (
        parse_digest_algorithm,
        [der.sequence(der.oid(DigestAlgorithm.SHA256.oid), der.null())],
    ),
    "public key": (load_public_key, [_spki(kind) for kind in ("p256", "p521", "rsa2048", "ed25519")]),
    "signed data": (parse_signed_data, [TOKEN]),
    "timestamp request": (parse_timestamp_request, [TIMESTAMP_REQUEST]),
    "timestamp response": (parse_timestamp_response, [encode_timestamp_response(TOKEN)]),
    "timestamp token": (parse_timestamp_token, [TOKEN]),
}


def mutate(generator: random.Random, data: bytes) -> bytes:
    """One of the ways to break octets."""
    if generator.random() < 0.4:
        return _restructured(generator, data)
    changed = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4))):
        start = generator.randrange(len(changed))
        end = min(len(changed), start + generator.randrange(1, 40))
        kind = generator.randrange(6)
        if kind <= 2:
            changed[start] = generator.choice((*OCTETS, generator.randrange(256)))
        elif kind == 3:
            del changed[start:end]
        elif kind == 4:
            changed[start:start] = changed[start:end]
        else:
            changed[start] ^= 1 << generator.randrange(8)
        if not changed:
            return b""
    return bytes(changed)


def _restructured(generator: random.Random, data: bytes, depth: int = 0) -> bytes:
    """An element inside is dropped, doubled, emptied, retagged or filled; lengths are made right."""
    try:
        elements = _elements(data)
    except TrustError:
        return data + b"\0"
    place = generator.randrange(len(elements))
    tag, content, raw = elements[place]
    if tag & 0x20 and content and depth < 12 and generator.random() < 0.85:
        elements[place] = (tag, b"", der.tlv(tag, _restructured(generator, content, depth + 1)))
    else:
        changes = (
            b"",
            raw + raw,
            der.tlv(tag, b""),
            der.tlv(generator.choice((0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x30, 0xA0, 0x80)), content),
            der.tlv(tag, generator.randbytes(generator.choice((1, 2, 20, 300)))),
            der.tlv(tag, content + b"\0"),
        )
        elements[place] = (tag, b"", generator.choice(changes))
    return b"".join(raw for _, _, raw in elements)


def _elements(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """The elements that stand in a row."""
    reader = der.Reader(data)
    found = []
    while not reader.at_end:
        found.append(reader.read_any())
    return found


@pytest.mark.parametrize("what", READERS)
def test_readers_refuse_by_their_own_errors(what):
    read, samples = READERS[what]
    refused = 0
    for seed in range(400):
        generator = random.Random(seed)
        changed = mutate(generator, generator.choice(samples))
        started = time.process_time()
        try:
            read(changed)
        except (TrustError, CertificationRequestError):
            refused += 1
        assert time.process_time() - started < SECONDS
    assert refused > 100


def judge(leaf: bytes, middle: bytes, crls: list[bytes], ocsp: bytes):
    inputs = ValidationInputs(
        (TOP.ours,), (Certificate.parse(middle),), RevocationEvidence(tuple(crls), (ocsp,))
    )
    return validate_path(Certificate.parse(leaf), inputs, AT)


def test_the_sample_is_good():
    assert judge(LEAF.der, MIDDLE.der, CRLS, OCSP_BY_ISSUER).valid


@pytest.mark.parametrize("seed", range(4))
def test_nothing_broken_makes_a_certificate_valid(seed):
    """Certificates or evidence, broken in one place: a mutated certificate is not valid, whatever it was."""
    generator = random.Random(seed)
    for _ in range(500):
        parts = [LEAF.der, MIDDLE.der, *CRLS, OCSP_BY_ISSUER]
        target = generator.randrange(5)
        parts[target] = mutate(generator, parts[target])
        started = time.process_time()
        try:
            report = judge(parts[0], parts[1], parts[2:4], parts[4])
        except TrustError:
            continue
        finally:
            assert time.process_time() - started < SECONDS
        assert not report.valid or parts[:2] == [LEAF.der, MIDDLE.der]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_broken_gives_back_a_revoked_certificate(seed):
    """With evidence that it is revoked, breaking that evidence never makes the certificate good."""
    generator = random.Random(seed)
    revoked = make_crl(MIDDLE, [(LEAF.serial, AT - DAY, x509.ReasonFlags.key_compromise)])
    answer = make_ocsp(LEAF, MIDDLE, status=x509.ocsp.OCSPCertStatus.REVOKED)
    for _ in range(250):
        if generator.random() < 0.5:
            evidence = RevocationEvidence((CRLS[0], mutate(generator, revoked)))
        else:
            evidence = RevocationEvidence((CRLS[0],), (mutate(generator, answer),))
        inputs = ValidationInputs((TOP.ours,), (MIDDLE.ours,), evidence)
        assert not validate_path(LEAF.ours, inputs, AT).valid
