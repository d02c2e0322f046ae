"""Random values for certificates, each said twice: in our words and in those of `cryptography`."""

from __future__ import annotations

import ipaddress
import random
import string
from datetime import UTC, datetime, timedelta, timezone

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from trust.encoding import general_names as our_names
from trust.names import NameAttribute, encode_name

FIRST_MOMENT = datetime(1950, 1, 1, tzinfo=UTC)
CENTURY_TURN = datetime(2050, 1, 1, tzinfo=UTC)
TODAY = datetime(2026, 11, 30, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NO_NAME = encode_name([])

# How many characters the library takes at most; it counts octets where RFC 5280 counts characters.
_NAME_LENGTH = 16
_LETTERS = string.ascii_letters + string.digits + "-. "
CHINESE = "李王张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁市政府签名认证"
_ATTRIBUTES = [attribute for attribute in NameAttribute if attribute is not NameAttribute.COUNTRY]
_ASCII_ATTRIBUTES = {
    NameAttribute.SERIAL_NUMBER,
    NameAttribute.DN_QUALIFIER,
    NameAttribute.EMAIL_ADDRESS,
    NameAttribute.DOMAIN_COMPONENT,
}


class ValueMaker:
    """Makes random values; every method draws from the same source."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

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
        return self.text(self.random.choice([_LETTERS, CHINESE, "é€𠮷ß"]))

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
        names = [
            self._dns,
            self._uri,
            self._email,
            self._address,
            self._directory,
            self._registered,
            self._other,
        ]
        bases = [self._dns_subtree, self._uri_subtree, self._email_subtree, self._network, self._directory]
        return self.random.choice(bases if constraint else names)()

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
        return our_names.ip_subtree(text), x509.IPAddress(ipaddress.ip_network(text))

    def _dns_subtree(self):
        text = self.host()
        return our_names.dns_subtree(text), x509.DNSName(text)

    def _uri_subtree(self):
        text = self.random.choice(["", "."]) + self.host()
        return our_names.uri_subtree(text), x509.UniformResourceIdentifier(text)

    def _email_subtree(self):
        text = self.random.choice(["", ".", f"{self.text()}@"]) + self.host()
        return our_names.email_subtree(text), x509.RFC822Name(text)

    def _directory(self):
        own, theirs = self.name()
        return our_names.directory_name(own), x509.DirectoryName(theirs)

    def _registered(self):
        oid = self.oid()
        return our_names.registered_id(oid), x509.RegisteredID(x509.ObjectIdentifier(oid))

    def _other(self):
        oid, value = self.oid(), asn1_x509.UTF8String(self.text(CHINESE)).dump()
        return our_names.other_name(oid, value), x509.OtherName(x509.ObjectIdentifier(oid), value)
