"""A relying site as the provider knows it (OIDC Registration 1.0 section 2), and what it may be.

A client is immutable here; `service.clients` stores and changes it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from idp.errors import RegistrationError
from idp.vocabulary import ClientAuthentication, ClientProfile, Scope, SigningAlgorithm

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_MAXIMUM_URI = 2000
_MAXIMUM_NAME = 80
# Shorter than any `sub` we give (43 characters), so that one is never mistaken for the other (RFC 9700 4.15).
_CLIENT_ID = re.compile(r"[a-z][a-z0-9-]{1,39}\Z")
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+\Z")
# A host goes into our Content-Security-Policy: it holds nothing that means something there.
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z|[0-9a-f:]+\Z")
# Alphabets whose letters look alike; a name mixes none of them.
_LOOKALIKE_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN")


@dataclass(frozen=True)
class Client:
    """One registered relying site."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    scopes: frozenset[Scope]
    sector_identifier: str
    authentication: ClientAuthentication
    secret_digest: str | None = None
    jwks: tuple[Mapping[str, Any], ...] = ()
    profile: ClientProfile = ClientProfile.GOV
    id_token_algorithm: SigningAlgorithm = SigningAlgorithm.ES256
    client_uri: str = ""
    disabled: bool = False

    def secret_matches(self, secret: str) -> bool:
        """Whether this is the site's secret; the secret is 256 random bits, so a plain digest protects it."""
        return self.secret_digest is not None and hmac.compare_digest(
            self.secret_digest, digest_secret(secret)
        )

    @property
    def origins(self) -> tuple[str, ...]:
        """Every origin the site is registered with: where a browser may be sent after a form of ours."""
        uris = (*self.redirect_uris, *self.post_logout_redirect_uris, self.client_uri)
        return tuple(dict.fromkeys(origin_of(uri) for uri in uris if uri))


def digest_secret(secret: str) -> str:
    """Return the SHA-256 of a secret, hexadecimal, as it is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def origin_of(uri: str) -> str:
    """Return scheme, host and port of a URI (RFC 6454 6.2)."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def is_client_id(text: str) -> bool:
    """Whether a text has the shape of a client identifier; nothing else is ever looked up."""
    return _CLIENT_ID.match(text) is not None


def check_client_id(client_id: str) -> None:
    """Check the shape of a client identifier."""
    if not is_client_id(client_id):
        raise RegistrationError(
            "a client id has 2 to 40 lower-case letters, digits and hyphens and begins with a letter",
            code="invalid_client_metadata",
        )


def check_client_name(name: str) -> None:
    """Check that a name shows as what it is: no controls, no invisible characters, no mixed look-alikes."""
    if not name.strip() or len(name) > _MAXIMUM_NAME or name != unicodedata.normalize("NFC", name):
        raise RegistrationError(
            f"a site's name has 1 to {_MAXIMUM_NAME} characters in Unicode's normal form (NFC)",
            code="invalid_client_metadata",
        )
    if any(unicodedata.category(character).startswith("C") for character in name):
        raise RegistrationError("a site's name has no invisible characters", code="invalid_client_metadata")
    scripts = {script for script in _LOOKALIKE_SCRIPTS for character in name if _is_of(character, script)}
    if len(scripts) > 1:
        raise RegistrationError(
            f"a site's name does not mix alphabets that look alike ({', '.join(sorted(scripts)).lower()})",
            code="invalid_client_metadata",
        )


def _is_of(character: str, script: str) -> bool:
    """Whether a letter belongs to an alphabet, by its Unicode name."""
    return unicodedata.name(character, "").startswith(script + " ")


def check_site_uri(uri: str) -> None:
    """Check a redirect, logout or home URI: https (http on loopback only), exact, no fragment, no tricks."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _uri_error(uri, "is not a URI") from None
    if len(uri) > _MAXIMUM_URI or not _URI_CHARACTERS.match(uri):
        raise _uri_error(uri[:100], "has a fragment, a wildcard, or characters of no site's URI")
    if not _HOST.match(host) or "@" in parts.netloc:
        raise _uri_error(uri, "needs a plain host name and no user name")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK_HOSTS):
        raise _uri_error(uri, "must be https (http only on the machine itself)")
    if any(segment in {".", ".."} for segment in parts.path.split("/")):
        raise _uri_error(uri, "has dot segments in its path")


def _uri_error(uri: str, reason: str) -> RegistrationError:
    """Make the error of a URI that cannot be registered."""
    return RegistrationError(f"{uri}: {reason}", code="invalid_redirect_uri")


def sector_of(redirect_uris: Iterable[str], client_id: str) -> str:
    """Return the sector for pairwise subjects (OIDC Core 8.1): the one host of the redirect URIs.

    A loopback host names nobody, so there each client is a sector of its own.
    """
    hosts = {urlsplit(uri).hostname or "" for uri in redirect_uris}
    if len(hosts) > 1:
        raise RegistrationError(
            "the redirect URIs have several hosts: give the sector identifier", code="invalid_client_metadata"
        )
    (host,) = hosts
    return client_id if host in LOOPBACK_HOSTS else host
