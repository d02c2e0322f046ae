"""Mutated chains and evidence: only our own errors, no time lost, and nothing forged becomes valid."""

from __future__ import annotations

import random
import time

import pytest
from cryptography import x509

from tests.trust.authorities import AT, authority, issue, make_crl, make_ocsp, root
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.path import RevocationEvidence, ValidationInputs, validate_path

TOP = root()
CONSTRAINTS = x509.NameConstraints([x509.DNSName("city.example")], None)
MIDDLE = authority("Middle", TOP, policies=["1.2.3"], extensions=[(CONSTRAINTS, True)])
LEAF = issue("Leaf", MIDDLE, policies=["1.2.3"], names=[x509.DNSName("www.city.example")])
CRLS = [make_crl(TOP), make_crl(MIDDLE)]
OCSP = make_ocsp(LEAF, MIDDLE)
OCTETS = (0, 1, 2, 0x30, 0x31, 0x7F, 0x80, 0x82, 0xA0, 0xFF)


def mutate(generator: random.Random, data: bytes) -> bytes:
    """Another octet or a few, a piece cut out, doubled or put elsewhere."""
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


def judge(leaf: bytes, middle: bytes, crls: list[bytes], ocsp: bytes):
    inputs = ValidationInputs(
        (TOP.ours,), (Certificate.parse(middle),), RevocationEvidence(tuple(crls), (ocsp,))
    )
    return validate_path(Certificate.parse(leaf), inputs, AT)


def test_the_sample_is_good():
    assert judge(LEAF.der, MIDDLE.der, CRLS, OCSP).valid


@pytest.mark.parametrize("seed", range(4))
def test_mutations(seed):
    generator = random.Random(seed)
    for _ in range(500):
        leaf, middle, crls, ocsp = LEAF.der, MIDDLE.der, list(CRLS), OCSP
        target = generator.randrange(5)
        if target == 0:
            leaf = mutate(generator, leaf)
        elif target == 1:
            middle = mutate(generator, middle)
        elif target == 4:
            ocsp = mutate(generator, ocsp)
        else:
            crls[target - 2] = mutate(generator, crls[target - 2])
        started = time.process_time()
        try:
            report = judge(leaf, middle, crls, ocsp)
        except TrustError:
            continue
        finally:
            assert time.process_time() - started < 5
        # A mutated certificate is not valid, whatever octet it was.
        assert not report.valid or (leaf == LEAF.der and middle == MIDDLE.der)
