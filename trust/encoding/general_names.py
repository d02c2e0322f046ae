"""General names, written: a function for each form, and for each form of subtree (RFC 5280 4.2.1.6, .10).

`trust.extensions` reads them. The forms x400Address and ediPartyName are not written.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from trust.encoding import der
from trust.errors import EncodingError
from trust.internet_names import parse_host, parse_mailbox

# Context tags of GeneralName.
_OTHER, _EMAIL, _DNS, _DIRECTORY, _URI, _IP, _REGISTERED_ID = 0, 1, 2, 4, 6, 7, 8
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+\Z")
_CLAUSE: Final = "RFC 5280 4.2.1.6"


def other_name(type_id: str, value: bytes) -> bytes:
    """A name of another kind: the kind's OID and the DER value it prescribes."""
    return der.implicit(_OTHER, der.oid(type_id) + der.explicit(0, value), constructed=True)


def email_address(text: str) -> bytes:
    """rfc822Name: a mailbox in ASCII."""
    return _text(_EMAIL, text, text.isascii() and parse_mailbox(text) is not None, "a mailbox")


def dns_name(text: str) -> bytes:
    """dNSName: a host name in ASCII, its first label possibly a wildcard (RFC 6125 6.4.3)."""
    return _text(_DNS, text, parse_host(text.removeprefix("*.")) is not None, "a host name")


def directory_name(name: bytes) -> bytes:
    """directoryName: a DER Name (`trust.names.encode_name`)."""
    return der.explicit(_DIRECTORY, name)


def uniform_resource_identifier(text: str) -> bytes:
    """URI in ASCII, with a scheme and something after it."""
    return _text(_URI, text, text.isascii() and _SCHEME.match(text) is not None, "a URI")


def ip_address(text: str) -> bytes:
    """IPAddress of version 4 or 6."""
    try:
        return der.implicit(_IP, ipaddress.ip_address(text).packed)
    except ValueError as error:
        raise EncodingError(f"{text!r} is not an IP address", code="general-name", clause=_CLAUSE) from error


def registered_id(oid: str) -> bytes:
    """registeredID: an object identifier."""
    return der.retag(_REGISTERED_ID, der.oid(oid))


# --- subtrees of name constraints (RFC 5280 4.2.1.10) -------------------------------------------


def email_subtree(text: str) -> bytes:
    """One mailbox, all of a host, or with a leading period all hosts of a domain."""
    known = parse_mailbox(text) if "@" in text else parse_host(text.removeprefix("."))
    return _text(_EMAIL, text, text.isascii() and known is not None, "a mailbox, host or domain")


def dns_subtree(text: str) -> bytes:
    """A host name with everything below it."""
    return _text(_DNS, text, parse_host(text) is not None, "a host name")


def uri_subtree(text: str) -> bytes:
    """The URIs of a host, or with a leading period of all hosts of a domain."""
    return _text(_URI, text, parse_host(text.removeprefix(".")) is not None, "a host or domain")


def ip_subtree(text: str) -> bytes:
    """IPAddress as name constraints have it: address and mask, written 10.0.0.0/8 (RFC 5280 4.2.1.10)."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise EncodingError(
            f"{text!r} is not a range of IP addresses", code="general-name", clause="RFC 5280 4.2.1.10"
        ) from error
    return der.implicit(_IP, network.network_address.packed + network.netmask.packed)


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


def _text(number: int, text: str, known: bool, what: str) -> bytes:
    """[number] IA5String, refused when it is not what it should be."""
    if not known:
        raise EncodingError(f"{text!r} is not {what} in ASCII", code="general-name", clause=_CLAUSE)
    return der.implicit(number, text.encode("ascii"))
