"""Keys among the objects of a token: one private key found by its name, its public half as SPKI.

PKCS #11 2.40 says what private keys, public keys and certificates have; 3.0 adds Edwards curves.
"""

from __future__ import annotations

from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import AttributeTypeInvalid

from runtime.errors import KeyTokenError
from runtime.key_location import TokenKey
from trust.certificate import Certificate
from trust.encoding import der
from trust.errors import TrustError
from trust.public_key import OID_EC_PUBLIC_KEY, OID_ED25519, OID_RSA_ENCRYPTION

_OCTET_STRING = 0x04


def find_private_key(session: pkcs11.Session, key: TokenKey) -> Any:
    """The private key of that name; None when there is none, KeyTokenError when there are two."""
    found = list(session.get_objects(_template(ObjectClass.PRIVATE_KEY, key.label, key.id)))
    if len(found) > 1:
        raise KeyTokenError(
            f"{key}: {len(found)} private keys have this name; name one by id= as well", code="key-ambiguous"
        )
    return found[0] if found else None


def find_signing_key(session: pkcs11.Session, key: TokenKey) -> Any:
    """The private key, which must be there and allowed to sign."""
    private_key = find_private_key(session, key)
    if private_key is None:
        raise KeyTokenError(
            f"{key}: no such private key; list them with `pkcs11-tool --module {key.module_path} --login "
            "--list-objects`",
            code="key-missing",
        )
    if not isinstance(private_key, pkcs11.SignMixin):
        raise KeyTokenError(f"{key}: the token does not let this key sign (CKA_SIGN)", code="key-cannot-sign")
    if _asks_for_every_signature(private_key):
        raise KeyTokenError(
            f"{key}: the token wants the PIN for every signature (CKA_ALWAYS_AUTHENTICATE), which a server "
            "cannot give; make a key without",
            code="key-always-authenticate",
        )
    return private_key


def read_public_key(session: pkcs11.Session, private_key: pkcs11.PrivateKey, key: TokenKey) -> bytes:
    """The SubjectPublicKeyInfo, from the public key beside the private one, else from its certificate.

    The three are kept together by CKA_ID (PKCS #11 2.40), or by label where there is none.
    """
    label, identifier = (None, private_key.id) if private_key.id else (key.label, None)
    for public_key in session.get_objects(_template(ObjectClass.PUBLIC_KEY, label, identifier)):
        return encode_public_key(public_key, key)
    for certificate in session.get_objects(_template(ObjectClass.CERTIFICATE, label, identifier)):
        try:
            return Certificate.parse(certificate[Attribute.VALUE]).public_key
        except TrustError as error:
            raise KeyTokenError(
                f"{key}: the certificate beside it cannot be read ({error})", code="key-invalid"
            ) from None
    raise KeyTokenError(
        f"{key}: the token holds neither the public key nor a certificate for it; import one of them under "
        "the same id",
        code="key-public-missing",
    )


def encode_public_key(public_key: pkcs11.Object, key: TokenKey) -> bytes:
    """A public key object as SubjectPublicKeyInfo (RFC 3279, 5480, 8410)."""
    kind = public_key[Attribute.KEY_TYPE]
    if kind is KeyType.RSA:
        numbers = (public_key[Attribute.MODULUS], public_key[Attribute.PUBLIC_EXPONENT])
        encoded = der.sequence(*(der.integer(int.from_bytes(number, "big")) for number in numbers))
        return _key_info(encoded, der.oid(OID_RSA_ENCRYPTION), der.null())
    if kind is KeyType.EC:
        parameters = public_key[Attribute.EC_PARAMS]
        return _key_info(_point(public_key), der.oid(OID_EC_PUBLIC_KEY), parameters)
    if kind is KeyType.EC_EDWARDS:
        return _key_info(_point(public_key), der.oid(OID_ED25519))
    raise KeyTokenError(f"{key}: a key of this kind cannot sign here", code="key-unsupported")


def _asks_for_every_signature(private_key: pkcs11.Object) -> bool:
    """Whether the key has CKA_ALWAYS_AUTHENTICATE; an older token does not know the attribute."""
    try:
        return bool(private_key[Attribute.ALWAYS_AUTHENTICATE])
    except AttributeTypeInvalid:
        return False


def _template(kind: ObjectClass, label: str | None, identifier: bytes | None) -> dict[Attribute, Any]:
    """What an object must have to be found."""
    template: dict[Attribute, Any] = {Attribute.CLASS: kind}
    if label is not None:
        template[Attribute.LABEL] = label
    if identifier is not None:
        template[Attribute.ID] = identifier
    return template


def _point(public_key: pkcs11.Object) -> bytes:
    """CKA_EC_POINT without its OCTET STRING, which some tokens leave out."""
    point: bytes = public_key[Attribute.EC_POINT]
    if point[:1] == bytes([_OCTET_STRING]):
        reader = der.Reader(point)
        try:
            content = reader.read(_OCTET_STRING)
            reader.finish()
        except TrustError:
            return point
        return content
    return point


def _key_info(key: bytes, *algorithm: bytes) -> bytes:
    """SubjectPublicKeyInfo (RFC 5280 4.1.2.7)."""
    return der.sequence(der.sequence(*algorithm), der.bit_string(key))
