"""A key made on a token: it can sign, and can neither be read nor carried away.

PKCS #11 2.40, C_GenerateKeyPair with CKA_SENSITIVE and without CKA_EXTRACTABLE.
"""

from __future__ import annotations

import secrets
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag

from runtime.errors import KeyTokenError
from runtime.key_algorithm import KeyAlgorithm
from runtime.key_location import TokenKey
from runtime.pkcs11.module import module_at
from runtime.pkcs11.objects import find_private_key
from trust.encoding import der
from trust.public_key import OID_ED25519

_ID_BYTES = 8

_RSA_BITS = {KeyAlgorithm.RSA3072: 3072, KeyAlgorithm.RSA4096: 4096}
_CURVES = {
    KeyAlgorithm.P256: (KeyType.EC, "1.2.840.10045.3.1.7"),
    KeyAlgorithm.P384: (KeyType.EC, "1.3.132.0.34"),
    KeyAlgorithm.P521: (KeyType.EC, "1.3.132.0.35"),
    KeyAlgorithm.ED25519: (KeyType.EC_EDWARDS, OID_ED25519),
}
_PRIVATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
}


def key_exists(key: TokenKey) -> bool:
    """Whether the token holds a private key of that name already."""
    return module_at(key.module_path).use(key, lambda session: find_private_key(session, key)) is not None


def generate_on_token(key: TokenKey, algorithm: KeyAlgorithm) -> None:
    """Make a key pair on the token under the key's name; a name in use is refused (KeyTokenError)."""
    if not algorithm.is_made_on_tokens:
        raise KeyTokenError(
            f"{key}: {algorithm.value} keys cannot be made on a token; choose p256, p384, rsa3072 or ed25519",
            code="key-algorithm",
        )

    def make(session: pkcs11.Session) -> None:
        if find_private_key(session, key) is not None:
            raise KeyTokenError(f"{key}: exists already and is not overwritten", code="key-exists")
        _generate(session, key, algorithm)

    module_at(key.module_path).change(key, make)


def _generate(session: pkcs11.Session, key: TokenKey, algorithm: KeyAlgorithm) -> None:
    """Make the pair; both halves bear the label and one CKA_ID, by which they are found together."""
    common: dict[str, Any] = {
        "label": key.label,
        "id": key.id or secrets.token_bytes(_ID_BYTES),
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": _PRIVATE,
    }
    if algorithm in _RSA_BITS:
        session.generate_keypair(KeyType.RSA, _RSA_BITS[algorithm], **common)
        return
    kind, curve = _CURVES[algorithm]
    parameters = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: der.oid(curve)}, local=True)
    parameters.generate_keypair(**common)
