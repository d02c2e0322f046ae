"""Host names, mailboxes and the hosts of URIs, as certificates write them: taken apart, or refused.

RFC 1034 3.5 and RFC 5890 (host names, with the underscore of RFC 2782 service names), RFC 5321 4.1.2
(mailboxes), RFC 9598 (mailboxes beyond ASCII), RFC 3986 (URIs).
"""

from __future__ import annotations

import re
from typing import Final

MAXIMUM_HOST_LENGTH: Final = 253

# Labels in lower case, the leftmost first.
Host = tuple[str, ...]

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_ATOM = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\]]+"
_MAILBOX = re.compile(rf'(?:"((?:[^"\\\x00-\x1f\x7f]|\\[ -~])*)"|({_ATOM}))@([^@]+)\Z')
_QUOTED_PAIR = re.compile(r"\\(.)")
# scheme "://" [ userinfo "@" ] host [ ":" port ] and the rest (RFC 3986 3), the host a name.
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://"
    r"(?:[A-Za-z0-9._~!$&'()*+,;=:%-]*@)?"
    r"([A-Za-z0-9._-]+)(?::[0-9]*)?"
    r"(?:[/?#][!-~]*)?\Z"
)
_IPV4 = re.compile(r"[0-9.]+\Z")


def parse_host(text: str) -> Host | None:
    """The labels of a host name; None when it is not one (a final dot, a wildcard, not ASCII)."""
    labels = tuple(text.lower().split(".")) if text.isascii() else ()
    well_formed = len(text) <= MAXIMUM_HOST_LENGTH and all(_LABEL.match(label) for label in labels)
    return labels if labels and well_formed else None


def parse_mailbox(text: str) -> tuple[str, Host] | None:
    """Local part, without its quotes, and host of a mailbox; None when it is not one."""
    found = _MAILBOX.match(text)
    host = parse_host(found[3]) if found else None
    if found is None or host is None:
        return None
    local = found[2] if found[1] is None else _QUOTED_PAIR.sub(r"\1", found[1])
    return local, host


def uri_host(text: str) -> Host | None:
    """The host of a URI; None when it has none, or an address instead of a name."""
    found = _URI.match(text)
    if found is None or _IPV4.match(found[1]):
        return None
    return parse_host(found[1])
