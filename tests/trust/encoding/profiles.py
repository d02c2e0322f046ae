"""Random certificate profiles, each said twice: in our words and in the words of `cryptography`'s builders.

Everything comes from one seed, so that a profile that fails can be made again.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import random
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.trust.samples import SampleSigner, signer
from trust.encoding import extensions as ours
from trust.encoding import general_names as our_names
from trust.encoding import subordinate_extensions as below
from trust.encoding.certificate import CertificateFields
from trust.encoding.extensions import Extension, KeyUsage, PolicyInformation, UserNotice
from trust.names import NameAttribute, encode_name
from trust.status import CRLReason
from trust.vocabulary import ANY_POLICY, ExtensionOID

KEY_KINDS = ("rsa", "p256", "p384", "p521", "ed25519")
FIRST_MOMENT = datetime(1950, 1, 1, tzinfo=UTC)
CENTURY_TURN = datetime(2050, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 11, 30, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NO_NAME = encode_name([])

# How many characters the library takes at most; it counts octets where RFC 5280 counts characters.
_NAME_LENGTH = 16
_LETTERS = string.ascii_letters + string.digits + "-. "
_CHINESE = "李王张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁市政府签名认证"
_ATTRIBUTES = [attribute for attribute in NameAttribute if attribute is not NameAttribute.COUNTRY]
_ASCII_ATTRIBUTES = {
    NameAttribute.SERIAL_NUMBER,
    NameAttribute.DN_QUALIFIER,
    NameAttribute.EMAIL_ADDRESS,
    NameAttribute.DOMAIN_COMPONENT,
}
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


class ProfileMaker:
    """Makes random profiles; every method draws from the same source."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

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

    # --- fields ---

    def serial_number(self) -> int:
        """1 to 20 octets, the first and the last of each size among them."""
        bits = self.random.choice([1, 7, 8, 63, 64, 127, 128, 151, 159, self.random.randint(1, 159)])
        edge = self.random.choice([1 << bits - 1, (1 << bits) - 1, self.random.getrandbits(bits)])
        return max(edge, 1)

    def moment(self) -> datetime:
        """A whole second in some zone, often about the turns of UTCTime; the library writes none before."""
        pick = self.random
        zone = timezone(timedelta(minutes=pick.choice([0, 0, 480, -210])))
        base = pick.choice([FIRST_MOMENT, CENTURY_TURN, TODAY])
        spread = pick.choice([1, 60, 86400, 10**8])
        return max(FIRST_MOMENT, base + timedelta(seconds=pick.randint(-spread, spread))).astimezone(zone)

    def name(self) -> tuple[bytes, x509.Name]:
        pick = self.random
        attributes = [(kind, self.attribute(kind)) for kind in pick.sample(_ATTRIBUTES, pick.randint(1, 5))]
        if pick.random() < 0.7:
            attributes.insert(0, (NameAttribute.COUNTRY, pick.choice(["CN", "DE", "ZZ"])))
        theirs = [x509.NameAttribute(x509.ObjectIdentifier(kind.value), text) for kind, text in attributes]
        return encode_name(attributes), x509.Name(theirs)

    def attribute(self, kind: NameAttribute) -> str:
        if kind in _ASCII_ATTRIBUTES:
            return self.text(_LETTERS)
        return self.text(self.random.choice([_LETTERS, _CHINESE, "é€𠮷ß"]))

    def text(self, alphabet: str = string.ascii_lowercase, longest: int = _NAME_LENGTH) -> str:
        return "".join(self.random.choices(alphabet, k=self.random.randint(1, longest)))

    def oid(self) -> str:
        arcs = [self.random.choice([0, 1, 127, 128, 16383, 16384, 2**32]) for _ in range(3)]
        return ".".join(map(str, ("1.3.6.1.4.1.32473", *arcs, self.random.randint(0, 10**6))))

    def oids(self) -> list[str]:
        return [self.oid() for _ in range(self.random.randint(1, 4))]

    def host(self) -> str:
        return f"{self.text()}.{self.text()}.example"

    def url(self) -> str:
        scheme = self.random.choice(["http", "https", "ldap"])
        return f"{scheme}://{self.host()}/{self.text(longest=60)}?{self.text()}"

    def address(self) -> str:
        if self.random.random() < 0.5:
            return str(ipaddress.IPv4Address(self.random.getrandbits(32)))
        return str(ipaddress.IPv6Address(self.random.getrandbits(128)))

    def network(self) -> str:
        address = ipaddress.ip_address(self.address())
        length = self.random.randint(0, address.max_prefixlen)
        return str(ipaddress.ip_network(f"{address}/{length}", strict=False))

    # --- general names ---

    def general_name(self, *, constraint: bool = False) -> tuple[bytes, x509.GeneralName]:
        """A name of any form that is written, or the base of a subtree."""
        makers = [self._dns, self._uri, self._email, self._directory, self._registered, self._other]
        return self.random.choice([*makers, self._network if constraint else self._address])()

    def general_names(self, **how) -> tuple[list[bytes], list[x509.GeneralName]]:
        pairs = [self.general_name(**how) for _ in range(self.random.randint(1, 4))]
        return [own for own, _ in pairs], [theirs for _, theirs in pairs]

    def _dns(self):
        text = self.host()
        return our_names.dns_name(text), x509.DNSName(text)

    def _uri(self):
        text = self.url()
        return our_names.uniform_resource_identifier(text), x509.UniformResourceIdentifier(text)

    def _email(self):
        text = f"{self.text()}@{self.host()}"
        return our_names.email_address(text), x509.RFC822Name(text)

    def _address(self):
        text = self.address()
        return our_names.ip_address(text), x509.IPAddress(ipaddress.ip_address(text))

    def _network(self):
        text = self.network()
        return our_names.ip_network(text), x509.IPAddress(ipaddress.ip_network(text))

    def _directory(self):
        own, theirs = self.name()
        return our_names.directory_name(own), x509.DirectoryName(theirs)

    def _registered(self):
        oid = self.oid()
        return our_names.registered_id(oid), x509.RegisteredID(x509.ObjectIdentifier(oid))

    def _other(self):
        oid, value = self.oid(), asn1_x509.UTF8String(self.text(_CHINESE)).dump()
        return our_names.other_name(oid, value), x509.OtherName(x509.ObjectIdentifier(oid), value)

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
        text = self.text(_CHINESE)
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
        text = self.text(_CHINESE, 200) if pick.random() < 0.7 else ""
        organization = self.text(_CHINESE) if pick.random() < 0.7 else ""
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
        oid, value = self.oid(), asn1_x509.UTF8String(self.text(_CHINESE, 200)).dump()
        return Extension(oid, False, value), x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
