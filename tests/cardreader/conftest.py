"""A folder of virtual cards, blank or personalised by a small authority of the tests' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cardreader.journal import Journal
from cardreader.personalization import SLOTS, CardSecrets, Personalization
from cardreader.piv_terms import KeyAlgorithm
from cardreader.virtual import VirtualReader, VirtualSlot
from trust.names import NameAttribute, encode_name
from trust.profile_policy import CertificateKind, policy_oid

PIN = b"246813"
PUK = b"87654321"
MASTER_KEY = bytes(range(32))
YEAR = timedelta(days=365)

KINDS = {
    "citizen": (CertificateKind.CITIZEN_AUTHENTICATION, CertificateKind.CITIZEN_SIGNATURE),
    "enterprise": (CertificateKind.ENTERPRISE_AUTHENTICATION, CertificateKind.ENTERPRISE_SIGNATURE),
    "officer": (CertificateKind.OFFICER_AUTHENTICATION, CertificateKind.OFFICER_SIGNATURE),
}


class Authority:
    """Signs what a card asks for, with `cryptography`'s own builder: not our encoders."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
        builder = self._builder(self.name, self.key.public_key(), datetime.now(UTC) - YEAR, 10 * YEAR)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    def issue(
        self, request: bytes, kind: CertificateKind, *, begin: datetime | None = None, lasts: timedelta = YEAR
    ) -> bytes:
        """A certificate for a certification request, whose own signature must be good."""
        parsed = x509.load_der_x509_csr(request)
        assert parsed.is_signature_valid
        begin = begin or datetime.now(UTC) - timedelta(hours=1)
        builder = self._builder(parsed.subject, parsed.public_key(), begin, lasts)
        for extension, critical in self._extensions(kind):
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _builder(self, subject, key, begin, lasts):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + lasts)
        )

    @staticmethod
    def _extensions(kind):
        signs = kind.is_signature
        usage = dict.fromkeys(
            (
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        yield x509.KeyUsage(digital_signature=not signs, content_commitment=signs, **usage), True
        policy = x509.PolicyInformation(x509.ObjectIdentifier(policy_oid(kind)), None)
        yield x509.CertificatePolicies([policy]), False
        if not signs:
            yield x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False


def subject(name: str) -> bytes:
    return encode_name([(NameAttribute.COUNTRY, "CN"), (NameAttribute.COMMON_NAME, name)])


@dataclass
class Desk:
    """Makes virtual cards and personalises them."""

    folder: VirtualReader
    authority: Authority
    journal: Journal

    def blank(self, name: str) -> VirtualSlot:
        return self.folder.new_card(name)

    def card(
        self,
        name: str,
        kind: str = "citizen",
        algorithm: KeyAlgorithm = KeyAlgorithm.P_256,
        holder: str = "李明",
        **validity,
    ) -> VirtualSlot:
        slot = self.blank(name)
        self.personalize(slot, kind, algorithm, holder, **validity)
        return slot

    def personalize(self, reader, kind="citizen", algorithm=KeyAlgorithm.P_256, holder="李明", **validity):
        card_secrets = CardSecrets(PIN, PUK, MASTER_KEY)
        work = Personalization(self.journal, algorithm=algorithm)
        prepared = work.prepare(reader, card_secrets, subject(holder))
        certificates = {
            slot: self.authority.issue(prepared.requests[slot], profile, **validity)
            for slot, profile in zip(SLOTS, KINDS[kind], strict=True)
        }
        work.complete(reader, card_secrets, certificates)
        return certificates


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Desk:
    return Desk(VirtualReader(tmp_path / "cards"), authority, Journal(tmp_path / "journal"))
