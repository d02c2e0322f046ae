"""Signed tokens (RFC 7515, 7519): the one place that touches the JOSE library.

The caller names a token's purpose; the purpose fixes algorithms, `typ`, required claims and lifetime
(RFC 8725). The library verifies a signature with a key we chose and built; everything it would let through
(duplicate members, `crit`, algorithm choice by the token, several audiences, missing claims, odd base64) is
decided here, and every failure is a SignedTokenError.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jose import jwk, jws  # noqa: TID251 - the one importer
from jose.backends.base import Key  # noqa: TID251
from jose.exceptions import JOSEError  # noqa: TID251

from idp.errors import SignedTokenError
from idp.strict_json import StrictJsonError, decode_base64url, encode_base64url, read_json_object
from idp.vocabulary import SigningAlgorithm
from trust.signer import Signer

MAXIMUM_TOKEN_CHARACTERS = 16 * 1024
_MAXIMUM_TEXT = 512
# A clock of another machine may be this far ahead of ours, or behind.
_FUTURE_TOLERANCE = timedelta(seconds=60)
_EXPIRY_TOLERANCE = timedelta(seconds=10)
_LATEST_TIME = 2**40
_P256_COORDINATE = 32
_MINIMUM_RSA_BITS = 2048
_MAXIMUM_RSA_BITS = 8192
_RSA_EXPONENT = 65537
# Parameters by which a token would bring its own key, compression or conditions (RFC 7515 4.1, 7516 4.1.3).
_REFUSED_HEADER = frozenset({"crit", "jku", "jwk", "x5u", "x5c", "zip", "b64", "enc", "cty"})
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True)
class TokenRule:
    """What a token must be to serve one purpose."""

    types: frozenset[str | None]
    required: frozenset[str]
    maximum_lifetime: timedelta | None
    expires: bool = True
    algorithms: frozenset[SigningAlgorithm] = frozenset(SigningAlgorithm)


class Purpose(Enum):
    """What a token is for; a token made for one purpose serves no other."""

    ID_TOKEN = TokenRule(
        types=frozenset({"JWT"}),
        required=frozenset({"iss", "sub", "aud", "exp", "iat"}),
        maximum_lifetime=timedelta(hours=1),
    )
    # An ID Token shown again, to say whose session is meant: it may have expired (RP-Initiated Logout 2).
    ID_TOKEN_HINT = TokenRule(
        types=frozenset({"JWT"}),
        required=frozenset({"iss", "sub", "aud", "exp", "iat", "sid"}),
        maximum_lifetime=timedelta(hours=1),
        expires=False,
    )
    # RFC 7523 3; the type is optional there, and "client-authentication+jwt" in its successor.
    CLIENT_ASSERTION = TokenRule(
        types=frozenset({None, "JWT", "client-authentication+jwt"}),
        required=frozenset({"iss", "sub", "aud", "exp", "jti"}),
        maximum_lifetime=timedelta(minutes=5),
    )


class _SignerKey(Key):  # type: ignore[misc]
    """A key for the library over our signing seam, so that the private key may live in a token."""

    def __init__(self, signer: Signer, algorithm: SigningAlgorithm) -> None:
        self._signer = signer
        self._algorithm = algorithm

    def sign(self, msg: bytes) -> bytes:
        """Sign; an ECDSA signature becomes r and s of fixed length (RFC 7518 3.4)."""
        signature = self._signer.sign(msg)
        if self._algorithm is SigningAlgorithm.RS256:
            return signature
        r, s = decode_dss_signature(signature)
        return r.to_bytes(_P256_COORDINATE, "big") + s.to_bytes(_P256_COORDINATE, "big")


@dataclass(frozen=True)
class VerificationKey:
    """A public key, built once: what it verifies and how it is published."""

    kid: str | None
    algorithm: SigningAlgorithm
    public_jwk: Mapping[str, str]
    key: Any

    @classmethod
    def from_spki(cls, public_key: bytes) -> VerificationKey:
        """Build from a DER SubjectPublicKeyInfo; the key id is the thumbprint (RFC 7638)."""
        loaded = serialization.load_der_public_key(public_key)
        members = _public_members(loaded)
        return cls.from_jwk({**members, "kid": thumbprint(members)})

    @classmethod
    def from_jwk(cls, value: Mapping[str, Any]) -> VerificationKey:
        """Build from a JWK (RFC 7517), refusing what is private, weak, or meant for something else."""
        if not isinstance(value, Mapping):
            raise SignedTokenError("a key is a JSON object")
        _check_jwk_use(value)
        try:
            algorithm, members = _read_key_members(value)
            built = jwk.construct(dict(members), algorithm.value)
        except (StrictJsonError, JOSEError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignedTokenError(f"the key is not usable: {error}") from None
        kid = value.get("kid")
        if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _MAXIMUM_TEXT):
            raise SignedTokenError("a key id is a text")
        if value.get("alg", algorithm.value) != algorithm.value:
            raise SignedTokenError(f"a key of this type is used with {algorithm.value} here")
        return cls(kid, algorithm, members, built)

    def published(self) -> dict[str, str]:
        """Return the JWK for our own key set: public members, use, algorithm, key id."""
        return {**self.public_jwk, "kid": self.kid or "", "use": "sig", "alg": self.algorithm.value}


@dataclass(frozen=True)
class SigningKey:
    """A key that signs tokens: its public half, and the library's key over the signer."""

    verification: VerificationKey
    key: Any

    @classmethod
    def from_signer(cls, signer: Signer) -> SigningKey:
        """Build once, at start: building is far dearer than signing."""
        verification = VerificationKey.from_spki(signer.public_key)
        return cls(verification, _SignerKey(signer, verification.algorithm))

    @property
    def algorithm(self) -> SigningAlgorithm:
        """What the key signs with."""
        return self.verification.algorithm

    def __repr__(self) -> str:
        """Show the key id only."""
        return f"<SigningKey {self.verification.kid}>"


def thumbprint(members: Mapping[str, str]) -> str:
    """Return the JWK thumbprint (RFC 7638 3) of required public members."""
    text = json.dumps(dict(sorted(members.items())), separators=(",", ":"))
    return encode_base64url(hashlib.sha256(text.encode()).digest())


def half_digest(value: str) -> str:
    """Return `at_hash` (OIDC Core 3.1.3.6): the left half of SHA-256, for ES256 and RS256 alike."""
    return encode_base64url(hashlib.sha256(value.encode("ascii")).digest()[:16])


def sign_token(purpose: Purpose, claims: Mapping[str, Any], key: SigningKey) -> str:
    """Sign claims for a purpose; the header says type, algorithm and key."""
    rule = purpose.value
    missing = rule.required - claims.keys()
    if missing:
        raise SignedTokenError(f"a token for this purpose needs {', '.join(sorted(missing))}")
    (typ,) = rule.types
    payload = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    header = {"typ": typ, "kid": key.verification.kid}
    signed: str = jws.sign(payload, key.key, headers=header, algorithm=key.algorithm.value)
    return signed


def unverified_claims(token: str) -> dict[str, Any]:
    """Read a token's claims without believing them: to find whose key must verify it."""
    return _read(token)[1]


def verify_token(
    token: str,
    purpose: Purpose,
    *,
    keys: Sequence[VerificationKey],
    issuer: str,
    audience: str,
    at: datetime,
) -> dict[str, Any]:
    """Verify a signed token for one purpose and return its claims.

    1. Read header and claims strictly. 2. The header asks for nothing we refuse, and names a known type and
    algorithm. 3. Choose the key by key id and algorithm. 4. Verify the signature. 5. Check issuer, audience
    and times.
    """
    rule = purpose.value
    header, claims = _read(token)
    _check_header(header, rule)
    key = _choose_key(header, keys)
    try:
        jws.verify(token, key.key, [key.algorithm.value])
    except JOSEError:
        raise SignedTokenError("the signature does not verify") from None
    _check_claims(claims, rule, issuer, audience)
    _check_times(claims, rule, at)
    return claims


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take a compact serialisation apart: three canonical segments, two of them JSON objects."""
    if len(token) > MAXIMUM_TOKEN_CHARACTERS or not token.isascii():
        raise SignedTokenError("too long, or not ASCII")
    segments = token.split(".")
    if len(segments) != 3:
        raise SignedTokenError("not three segments (RFC 7515 7.1)")
    try:
        header, claims, _signature = (decode_base64url(segment) for segment in segments)
        return read_json_object(header), read_json_object(claims)
    except StrictJsonError as error:
        raise SignedTokenError(str(error)) from None


def _check_header(header: Mapping[str, Any], rule: TokenRule) -> None:
    """Check the JOSE header against the purpose (RFC 8725 3)."""
    refused = _REFUSED_HEADER & header.keys()
    if refused:
        raise SignedTokenError(f"the header may not hold {', '.join(sorted(refused))}")
    typ = header.get("typ")
    if not (typ is None or isinstance(typ, str)) or typ not in rule.types:
        raise SignedTokenError("a token of this type does not serve here")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in rule.algorithms:
        raise SignedTokenError("the algorithm is not accepted here")


def _choose_key(header: Mapping[str, Any], keys: Iterable[VerificationKey]) -> VerificationKey:
    """Choose the key by algorithm and key id; without a key id only when there is just one."""
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise SignedTokenError("a key id is a text")
    fitting = [key for key in keys if key.algorithm.value == header["alg"] and kid in (None, key.kid)]
    if len(fitting) != 1:
        raise SignedTokenError("no one key of ours or the site's fits the token's key id and algorithm")
    return fitting[0]


def _check_claims(claims: Mapping[str, Any], rule: TokenRule, issuer: str, audience: str) -> None:
    """Check presence and types of the required claims, then issuer and audience, each one exact text."""
    missing = rule.required - claims.keys()
    if missing:
        raise SignedTokenError(f"claims missing: {', '.join(sorted(missing))}")
    for name in ("iss", "sub", "aud", "jti", "sid"):
        value = claims.get(name)
        if name in claims and not (isinstance(value, str) and 0 < len(value) <= _MAXIMUM_TEXT):
            raise SignedTokenError(f"{name} is one text")
    if claims["iss"] != issuer:
        raise SignedTokenError("made by another issuer")
    if claims["aud"] != audience:
        raise SignedTokenError("made for another audience")


def _check_times(claims: Mapping[str, Any], rule: TokenRule, at: datetime) -> None:
    """Check expiry, age and lifetime (RFC 7519 4.1)."""
    times = {name: _numeric_date(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
    moment = at.timestamp()
    ahead = moment + _FUTURE_TOLERANCE.total_seconds()
    if any(times.get(name, 0) > ahead for name in ("iat", "nbf")):
        raise SignedTokenError("not valid yet")
    if rule.expires and times["exp"] + _EXPIRY_TOLERANCE.total_seconds() <= moment:
        raise SignedTokenError("expired")
    if rule.maximum_lifetime is None:
        return
    longest = rule.maximum_lifetime.total_seconds() + _FUTURE_TOLERANCE.total_seconds()
    begin = times.get("iat", moment)
    if times["exp"] - begin > longest or (rule.expires and times["exp"] - moment > longest):
        raise SignedTokenError("made for too long a time")


def _numeric_date(value: Any) -> float:
    """Read a NumericDate: a number, never a text or a truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST_TIME:
        raise SignedTokenError("a time is a number of seconds")
    return float(value)


def _check_jwk_use(value: Mapping[str, Any]) -> None:
    """Refuse private keys, and keys meant for something other than verifying."""
    if _PRIVATE_MEMBERS & value.keys():
        raise SignedTokenError("this is a private or secret key; give the public one, and replace this one")
    operations = value.get("key_ops", ["verify"])
    if value.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise SignedTokenError("the key is not for signatures")


def _read_key_members(value: Mapping[str, Any]) -> tuple[SigningAlgorithm, dict[str, str]]:
    """Read the public members of an EC P-256 or RSA key strictly (RFC 7518 6.2 and 6.3)."""
    if value.get("kty") == "EC" and value.get("crv") == "P-256":
        members = {name: _member(value, name) for name in ("x", "y")}
        if any(len(decode_base64url(member)) != _P256_COORDINATE for member in members.values()):
            raise StrictJsonError("a coordinate has 32 octets")
        return SigningAlgorithm.ES256, {"kty": "EC", "crv": "P-256", **members}
    if value.get("kty") == "RSA":
        members = {name: _member(value, name) for name in ("n", "e")}
        modulus, exponent = (int.from_bytes(decode_base64url(members[name]), "big") for name in ("n", "e"))
        if not _MINIMUM_RSA_BITS <= modulus.bit_length() <= _MAXIMUM_RSA_BITS or exponent != _RSA_EXPONENT:
            raise StrictJsonError(
                f"an RSA key has {_MINIMUM_RSA_BITS} to {_MAXIMUM_RSA_BITS} bits and e=65537"
            )
        return SigningAlgorithm.RS256, {"kty": "RSA", **members}
    raise StrictJsonError("the key is neither EC on P-256 nor RSA")


def _member(value: Mapping[str, Any], name: str) -> str:
    """Return a text member of a JWK."""
    member = value.get(name)
    if not isinstance(member, str) or len(member) > MAXIMUM_TOKEN_CHARACTERS:
        raise StrictJsonError(f"{name} is missing")
    return member


def _public_members(key: Any) -> dict[str, str]:
    """Return the required JWK members of a public key."""
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        numbers = key.public_numbers()
        x, y = (number.to_bytes(_P256_COORDINATE, "big") for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": encode_base64url(x), "y": encode_base64url(y)}
    if isinstance(key, rsa.RSAPublicKey):
        public = key.public_numbers()
        n, e = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (public.n, public.e))
        return {"kty": "RSA", "n": encode_base64url(n), "e": encode_base64url(e)}
    raise SignedTokenError("tokens are signed with EC P-256 or RSA keys")
