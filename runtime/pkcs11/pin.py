"""The PIN of a token: read for each login, tried once, and not at all after somebody's wrong one.

Tokens lock themselves after a few wrong PINs, and a service that fails is started again: without care, a
typing error in a file locks the token within seconds.
"""

from __future__ import annotations

from pathlib import Path

import pkcs11

from runtime.errors import KeyTokenError
from runtime.key_location import TokenKey
from runtime.secret_file import read_passphrase

# CK_TOKEN_INFO's flags (PKCS #11 2.40): set from a wrong PIN until the next right one.
_DOUBTFUL = pkcs11.TokenFlag.USER_PIN_COUNT_LOW | pkcs11.TokenFlag.USER_PIN_FINAL_TRY


def read_pin(path: Path) -> str:
    """The PIN's file; the PIN is read for each login and not kept."""
    try:
        return read_passphrase(path).decode("utf-8")
    except UnicodeDecodeError:
        raise KeyTokenError(f"{path}: a PIN is UTF-8 text", code="pin-unreadable") from None


def check_pin_flags(token: pkcs11.Token, key: TokenKey) -> None:
    """Leave a token alone that is locked, or to which somebody has already given a wrong PIN."""
    if pkcs11.TokenFlag.USER_PIN_LOCKED in token.flags:
        raise locked_pin(key)
    if token.flags & _DOUBTFUL:
        raise KeyTokenError(
            f"{key}: the last PIN given to this token was wrong, and another may lock it. Correct "
            f"{key.pin_source}, log in once by hand (pkcs11-tool --module {key.module_path} --login "
            "--list-objects), and start again",
            code="pin-doubtful",
        )


def wrong_pin(key: TokenKey) -> KeyTokenError:
    """The error for a wrong PIN."""
    return KeyTokenError(
        f"{key}: the token refuses the PIN in {key.pin_source}; it is not tried again. Correct the file, log "
        f"in once by hand (pkcs11-tool --module {key.module_path} --login --list-objects), and start again",
        code="pin-wrong",
    )


def locked_pin(key: TokenKey) -> KeyTokenError:
    """The error for a locked PIN."""
    return KeyTokenError(
        f"{key}: the PIN is locked; the token's security officer sets a new one (C_InitPIN)",
        code="pin-locked",
    )
