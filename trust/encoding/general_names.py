"""General names, written: one function for each form (RFC 5280 4.2.1.6).

`trust.extensions` reads them. The forms x400Address and ediPartyName are not written.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from trust.encoding import der
from trust.errors import EncodingError

# Context tags of GeneralName.
_OTHER, _EMAIL, _DNS, _DIRECTORY, _URI, _IP, _REGISTERED_ID = 0, 1, 2, 4, 6, 7, 8
_CLAUSE: Final = "RFC 5280 4.2.1.6"


def other_name(type_id: str, value: bytes) -> bytes:
    """A name of another kind: the kind's OID and the DER value it prescribes."""
    return der.implicit(_OTHER, der.oid(type_id) + der.explicit(0, value), constructed=True)


def email_address(text: str) -> bytes:
    """rfc822Name: local part and domain, in ASCII; in name constraints also a host or a domain."""
    return der.implicit(_EMAIL, _ascii(text))


def dns_name(text: str) -> bytes:
    """dNSName, in ASCII."""
    return der.implicit(_DNS, _ascii(text))


def directory_name(name: bytes) -> bytes:
    """directoryName: a DER Name (`trust.names.encode_name`)."""
    return der.explicit(_DIRECTORY, name)


def uniform_resource_identifier(text: str) -> bytes:
    """URI, in ASCII; in name constraints a host or a domain."""
    return der.implicit(_URI, _ascii(text))


def ip_address(text: str) -> bytes:
    """IPAddress of version 4 or 6."""
    try:
        return der.implicit(_IP, ipaddress.ip_address(text).packed)
    except ValueError as error:
        raise EncodingError(f"{text!r} is not an IP address", code="general-name", clause=_CLAUSE) from error


def ip_network(text: str) -> bytes:
    """IPAddress as name constraints have it: address and mask, written 10.0.0.0/8 (RFC 5280 4.2.1.10)."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise EncodingError(
            f"{text!r} is not a range of IP addresses", code="general-name", clause="RFC 5280 4.2.1.10"
        ) from error
    return der.implicit(_IP, network.network_address.packed + network.netmask.packed)


def registered_id(oid: str) -> bytes:
    """registeredID: an object identifier."""
    return der.retag(_REGISTERED_ID, der.oid(oid))


def check_address_sizes(names: tuple[bytes, ...], sizes: tuple[int, int], clause: str) -> None:
    """Check that every iPAddress among the names has the octets of an address, or of a range."""
    tag = der.context(_IP, constructed=False)
    for name in names:
        if name[0] == tag and len(name) - 2 not in sizes:
            raise EncodingError(
                "an IP address where a range belongs, or a range where an address does",
                code="general-name",
                clause=clause,
            )


def _ascii(text: str) -> bytes:
    """Content octets of an IA5String that is not empty."""
    if not text or not text.isascii():
        raise EncodingError(
            f"{text!r}: host names, addresses and URLs are written in ASCII",
            code="general-name",
            clause=_CLAUSE,
        )
    return text.encode("ascii")
