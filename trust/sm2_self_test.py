"""The self-test of SM2: the published examples, before the library is relied on.

GB/T 32905-2016 annex A (SM3) and GB/T 32918.5-2017 annex A (a signature on the recommended curve).
"""

from __future__ import annotations

from typing import Final

from trust.libcrypto import Libcrypto, SM2Error

_SM3_EXAMPLES: Final = (
    (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
)
_SIGNER_ID: Final = b"1234567812345678"
_MESSAGE: Final = b"message digest"
# The point (xA, yA), uncompressed.
_POINT: Final = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
# SEQUENCE { r, s }; both begin with a one bit, so a zero octet stands before them.
_SIGNATURE: Final = bytes.fromhex(
    "3046"
    "022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def run_self_test(library: Libcrypto) -> None:
    """Check the library against the examples; SM2Error when it does anything else than they say."""
    try:
        _reproduce_examples(library)
    except SM2Error as error:
        raise SM2Error(f"the self-test of SM2 failed: {error.message}", code="sm2-self-test") from error


def _reproduce_examples(library: Libcrypto) -> None:
    """SM3, a signature to verify, a signature to make."""
    for data, digest in _SM3_EXAMPLES:
        _require(library.sm3(data).hex() == digest, "SM3 does not give the published digest")
    example = library.load_public_key(_POINT)
    _require(library.verify(example, _SIGNATURE, _MESSAGE, _SIGNER_ID), "the published signature is refused")
    altered = _MESSAGE.swapcase()
    _require(not library.verify(example, _SIGNATURE, altered, _SIGNER_ID), "any message is accepted")
    # A signature is random, so that there is none to compare with: it has to verify.
    key = library.generate_key()
    signature = library.sign(key, _MESSAGE, _SIGNER_ID)
    _require(library.verify(key, signature, _MESSAGE, _SIGNER_ID), "its own signature is refused")
    _require(signature != library.sign(key, _MESSAGE, _SIGNER_ID), "two signatures are the same")


def _require(condition: bool, message: str) -> None:
    """Raise unless the condition holds."""
    if not condition:
        raise SM2Error(message, code="sm2-self-test")
