"""Random certificate profiles, each said twice: in our words and in the words of `cryptography`'s builders.

Everything comes from one seed, so that a profile that fails can be made again.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.trust.encoding.values import CHINESE, LAST_MOMENT, NO_NAME, ValueMaker
from tests.trust.samples import SampleSigner, signer
from trust.encoding import extensions as ours
from trust.encoding import subordinate_extensions as below
from trust.encoding.certificate import CertificateFields
from trust.encoding.extensions import Extension, KeyUsage, PolicyInformation, UserNotice
from trust.names import NameAttribute, encode_name
from trust.status import CRLReason
from trust.vocabulary import ANY_POLICY, ExtensionOID

KEY_KINDS = ("rsa", "p256", "p384", "p521", "ed25519")
_REASONS = {
    CRLReason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    CRLReason.CA_COMPROMISE: x509.ReasonFlags.ca_compromise,
    CRLReason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    CRLReason.SUPERSEDED: x509.ReasonFlags.superseded,
    CRLReason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
    CRLReason.CERTIFICATE_HOLD: x509.ReasonFlags.certificate_hold,
    CRLReason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
    CRLReason.AA_COMPROMISE: x509.ReasonFlags.aa_compromise,
}


class DeterministicSigner(SampleSigner):
    """A signer whose ECDSA signatures are RFC 6979's, so that whole certificates can be compared."""

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(self.digest, deterministic_signing=True))
        return super().sign(data)


def issuing_signer(kind: str) -> DeterministicSigner:
    return DeterministicSigner(signer(kind, 1).key)


def sign_with(builder, issuing: SampleSigner):
    """The library's signature of the same kind: RFC 6979 for ECDSA, PKCS#1 v1.5 for RSA."""
    if isinstance(issuing.key, ed25519.Ed25519PrivateKey):
        return builder.sign(issuing.key, None)
    if isinstance(issuing.key, rsa.RSAPrivateKey):
        return builder.sign(issuing.key, issuing.digest)
    return builder.sign(issuing.key, issuing.digest, ecdsa_deterministic=True)


@dataclass(frozen=True)
class Profile:
    """What one certificate says, in both languages."""

    issuing: DeterministicSigner
    fields: CertificateFields
    builder: x509.CertificateBuilder
    extensions: tuple[tuple[Extension, x509.ExtensionType], ...]
    their_subject: x509.Name


class ProfileMaker(ValueMaker):
    """Makes random profiles."""

    def profile(self) -> Profile:
        pick = self.random
        issuing, subject_key = issuing_signer(pick.choice(KEY_KINDS)), signer(pick.choice(KEY_KINDS), 2)
        pairs = self.extensions(subject_key, issuing)
        other_names = any(
            own.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME and own.critical for own, _ in pairs
        )
        nameless = other_names and pick.random() < 0.5
        subject, their_subject = (NO_NAME, x509.Name([])) if nameless else self.name()
        issuer, their_issuer = self.name()
        serial_number, begin = self.serial_number(), self.moment()
        end = max(begin, pick.choice([self.moment(), begin, LAST_MOMENT]))
        fields = CertificateFields(
            serial_number=serial_number,
            algorithm=issuing.algorithm,
            issuer=issuer,
            not_valid_before=begin,
            not_valid_after=end,
            subject=subject,
            public_key=subject_key.public_key,
            extensions=tuple(extension for extension, _ in pairs),
        )
        builder = x509.CertificateBuilder(
            their_issuer, their_subject, subject_key.key.public_key(), serial_number, begin, end
        )
        for extension, theirs in pairs:
            builder = builder.add_extension(theirs, extension.critical)
        return Profile(issuing, fields, builder, tuple(pairs), their_subject)

    # --- extensions ---

    def extensions(
        self, subject_key: SampleSigner, issuing: SampleSigner
    ) -> list[tuple[Extension, x509.ExtensionType]]:
        """A random choice of all kinds, in random order, each critical or not."""
        pick = self.random
        makers = [
            self._basic_constraints,
            self._key_usage,
            self._extended_key_usage,
            lambda: (
                ours.subject_key_identifier(subject_key.public_key),
                x509.SubjectKeyIdentifier.from_public_key(subject_key.key.public_key()),
            ),
            lambda: (
                ours.authority_key_identifier(issuing.public_key),
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.key.public_key()),
            ),
            self._alternative_name,
            self._issuer_alternative_name,
            self._distribution_points,
            self._freshest_crl,
            self._information_access,
            self._policies,
            self._policy_mappings,
            self._policy_constraints,
            self._inhibit_any_policy,
            self._name_constraints,
            lambda: (ours.ocsp_no_check(), x509.OCSPNoCheck()),
            self._private,
            self._private,
        ]
        chosen = [make() for make in pick.sample(makers, pick.randint(0, len(makers)))]
        return [
            (dataclasses.replace(extension, critical=pick.random() < 0.3), theirs)
            if pick.random() < 0.5
            else (extension, theirs)
            for extension, theirs in chosen
        ]

    def _basic_constraints(self):
        ca, length = self.random.choice([(False, None), (True, None), (True, 0), (True, 1), (True, 300)])
        return ours.basic_constraints(ca, length), x509.BasicConstraints(ca, length)

    def _key_usage(self):
        bits = set(self.random.sample(list(KeyUsage), self.random.randint(1, 9)))
        # The library ties the last two bits to key agreement, as RFC 5280 does.
        if bits & {KeyUsage.ENCIPHER_ONLY, KeyUsage.DECIPHER_ONLY}:
            bits.add(KeyUsage.KEY_AGREEMENT)
        return ours.key_usage(*bits), x509.KeyUsage(*(bit in bits for bit in KeyUsage))

    def _extended_key_usage(self):
        purposes = [*self.oids(), "1.3.6.1.5.5.7.3.2"]
        theirs = x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes])
        return ours.extended_key_usage(*purposes), theirs

    def _alternative_name(self):
        names, theirs = self.general_names()
        urls, address = [self.url()], self.address()
        extension = ours.subject_alternative_name(
            dns=["a.example"], uri=urls, email=["a@b.example"], ip=[address], others=names
        )
        first = [
            x509.DNSName("a.example"),
            x509.UniformResourceIdentifier(urls[0]),
            x509.RFC822Name("a@b.example"),
            x509.IPAddress(ipaddress.ip_address(address)),
        ]
        return extension, x509.SubjectAlternativeName([*first, *theirs])

    def _issuer_alternative_name(self):
        names, theirs = self.general_names()
        return ours.issuer_alternative_name(*names), x509.IssuerAlternativeName(theirs)

    def _distribution_points(self):
        if self.random.random() < 0.5:
            urls = [self.url() for _ in range(self.random.randint(1, 3))]
            return ours.crl_distribution_points(*urls), x509.CRLDistributionPoints([self._point_of(urls)])
        points = [self._distribution_point() for _ in range(self.random.randint(1, 4))]
        extension = ours.distribution_points(*[own for own, _ in points])
        return extension, x509.CRLDistributionPoints([theirs for _, theirs in points])

    @staticmethod
    def _point_of(urls: list[str]) -> x509.DistributionPoint:
        return x509.DistributionPoint([x509.UniformResourceIdentifier(url) for url in urls], None, None, None)

    def _distribution_point(self):
        pick = self.random
        shape = pick.choice(["full", "relative", "issuer"])
        names, their_names = self.general_names() if shape == "full" else ([], None)
        text = self.text(CHINESE)
        relative = x509.RelativeDistinguishedName(
            [x509.NameAttribute(x509.ObjectIdentifier(NameAttribute.COMMON_NAME.value), text)]
        )
        # The one relative name within a Name's SEQUENCE.
        own_relative = encode_name([(NameAttribute.COMMON_NAME, text)])[2:]
        reasons = pick.sample(list(_REASONS), pick.randint(1, 8)) if pick.random() < 0.5 else []
        issuer, their_issuer = self._directory()
        with_issuer = shape == "issuer" or pick.random() < 0.3
        own = ours.distribution_point(
            names,
            relative_name=own_relative if shape == "relative" else b"",
            reasons=reasons,
            crl_issuer=[issuer] if with_issuer else [],
        )
        theirs = x509.DistributionPoint(
            their_names,
            relative if shape == "relative" else None,
            frozenset(_REASONS[reason] for reason in reasons) or None,
            [their_issuer] if with_issuer else None,
        )
        return own, theirs

    def _freshest_crl(self):
        urls = [self.url() for _ in range(self.random.randint(1, 3))]
        return ours.freshest_crl(*urls), x509.FreshestCRL([self._point_of(urls)])

    def _information_access(self):
        responders = [self.url() for _ in range(self.random.randint(0, 2))]
        issuers = [self.url() for _ in range(self.random.randint(1, 2))]
        methods = [(AuthorityInformationAccessOID.OCSP, url) for url in responders]
        methods += [(AuthorityInformationAccessOID.CA_ISSUERS, url) for url in issuers]
        theirs = [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in methods
        ]
        extension = ours.authority_information_access(ocsp=responders, ca_issuers=issuers)
        return extension, x509.AuthorityInformationAccess(theirs)

    def _policies(self):
        policies = dict.fromkeys([*self.oids(), self.random.choice([ANY_POLICY, "1.2.3"])])
        pairs = [self._policy(policy) for policy in policies]
        theirs = x509.CertificatePolicies([theirs for _, theirs in pairs])
        return ours.certificate_policies(*[own for own, _ in pairs]), theirs

    def _policy(self, policy: str):
        pick = self.random
        if pick.random() < 0.4:
            return policy, x509.PolicyInformation(x509.ObjectIdentifier(policy), None)
        urls = [self.url() for _ in range(pick.randint(0, 2))]
        notices = [self._notice() for _ in range(pick.randint(0, 2))]
        own = PolicyInformation(policy, tuple(urls), tuple(own for own, _ in notices))
        qualifiers = [*urls, *(theirs for _, theirs in notices)]
        return own, x509.PolicyInformation(x509.ObjectIdentifier(policy), qualifiers or None)

    def _notice(self):
        pick = self.random
        text = self.text(CHINESE, 200) if pick.random() < 0.7 else ""
        organization = self.text(CHINESE) if pick.random() < 0.7 else ""
        numbers = [pick.randint(0, 2**20) for _ in range(pick.randint(1, 3))] if organization else []
        reference = x509.NoticeReference(organization, numbers) if organization else None
        return UserNotice(text, organization, tuple(numbers)), x509.UserNotice(reference, text or None)

    def _policy_mappings(self):
        # The library has no class for these; asn1crypto encodes them, the library carries the bytes.
        mappings = [(self.oid(), self.oid()) for _ in range(self.random.randint(1, 4))]
        encoded = asn1_x509.PolicyMappings(
            [{"issuer_domain_policy": own, "subject_domain_policy": other} for own, other in mappings]
        ).dump()
        extension = below.policy_mappings(*mappings)
        return extension, x509.UnrecognizedExtension(x509.ObjectIdentifier(extension.oid), encoded)

    def _policy_constraints(self):
        explicit, mapping = self.random.choice([(0, None), (None, 0), (1, 2), (127, 128), (300, 70000)])
        return below.policy_constraints(explicit, mapping), x509.PolicyConstraints(explicit, mapping)

    def _inhibit_any_policy(self):
        count = self.random.choice([0, 1, 127, 128, 70000])
        return below.inhibit_any_policy(count), x509.InhibitAnyPolicy(count)

    def _name_constraints(self):
        permitted, excluded = self.random.choice([(True, False), (False, True), (True, True)])
        own_permitted, their_permitted = self.general_names(constraint=True) if permitted else ([], None)
        own_excluded, their_excluded = self.general_names(constraint=True) if excluded else ([], None)
        theirs = x509.NameConstraints(their_permitted, their_excluded)
        return below.name_constraints(own_permitted, own_excluded), theirs

    def _private(self):
        oid, value = self.oid(), asn1_x509.UTF8String(self.text(CHINESE, 200)).dump()
        return Extension(oid, False, value), x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
