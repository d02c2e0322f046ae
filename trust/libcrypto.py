"""The system's libcrypto (OpenSSL 3), reached for SM2 alone, which no Python library offers.

A shared library is opened, in ABI mode, so that nothing has to be compiled; `trust/sm2.py` does it at the
first use. Contexts live for one call and are freed on every way out of it. Keys are shared between threads:
using one changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from trust.errors import TrustError

LIBRARY: Final = "libcrypto.so.3"
_OLDEST_VERSION: Final = 0x30000000
# The longest signature: SEQUENCE of two INTEGERs of 33 octets.
_SIGNATURE_ROOM: Final = 80
# PBES2 with AES-256-CBC and HMAC-SHA-256 (RFC 8018): some ten milliseconds at each start of a service.
_KEY_DERIVATIONS: Final = 100_000
_PBES2: Final = -1
# SubjectPublicKeyInfo of the base point (GB/T 32918.5 2): some public key, from which others are made.
_BASE_POINT: Final = bytes.fromhex(
    "3059301306072a8648ce3d020106082a811ccf5501822d034200"
    "0432c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)

_DECLARATIONS: Final = """
typedef ... EVP_PKEY; typedef ... EVP_PKEY_CTX; typedef ... EVP_MD_CTX; typedef ... EVP_MD;
typedef ... ENGINE; typedef ... OSSL_LIB_CTX; typedef ... EVP_CIPHER;
typedef ... X509_SIG; typedef ... PKCS8_PRIV_KEY_INFO;
unsigned long OpenSSL_version_num(void);
void ERR_clear_error(void);
EVP_MD *EVP_MD_fetch(OSSL_LIB_CTX *, const char *, const char *);
int EVP_Digest(const unsigned char *, size_t, unsigned char *, unsigned int *, const EVP_MD *, ENGINE *);
EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *);
void EVP_MD_CTX_set_pkey_ctx(EVP_MD_CTX *, EVP_PKEY_CTX *);
int EVP_DigestSignInit(EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *);
int EVP_DigestSign(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
int EVP_DigestVerifyInit(EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *);
int EVP_DigestVerify(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *, size_t);
EVP_PKEY_CTX *EVP_PKEY_CTX_new_from_name(OSSL_LIB_CTX *, const char *, const char *);
EVP_PKEY_CTX *EVP_PKEY_CTX_new_from_pkey(OSSL_LIB_CTX *, EVP_PKEY *, const char *);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *);
int EVP_PKEY_CTX_set1_id(EVP_PKEY_CTX *, const void *, int);
int EVP_PKEY_keygen_init(EVP_PKEY_CTX *);
int EVP_PKEY_generate(EVP_PKEY_CTX *, EVP_PKEY **);
EVP_PKEY *EVP_PKEY_dup(EVP_PKEY *);
int EVP_PKEY_set1_encoded_public_key(EVP_PKEY *, const unsigned char *, size_t);
int EVP_PKEY_is_a(const EVP_PKEY *, const char *);
void EVP_PKEY_free(EVP_PKEY *);
EVP_PKEY *d2i_PUBKEY(EVP_PKEY **, const unsigned char **, long);
int i2d_PUBKEY(const EVP_PKEY *, unsigned char **);
PKCS8_PRIV_KEY_INFO *d2i_PKCS8_PRIV_KEY_INFO(PKCS8_PRIV_KEY_INFO **, const unsigned char **, long);
void PKCS8_PRIV_KEY_INFO_free(PKCS8_PRIV_KEY_INFO *);
PKCS8_PRIV_KEY_INFO *EVP_PKEY2PKCS8(const EVP_PKEY *);
EVP_PKEY *EVP_PKCS82PKEY(const PKCS8_PRIV_KEY_INFO *);
X509_SIG *PKCS8_encrypt(int, const EVP_CIPHER *, const char *, int, unsigned char *, int, int,
                        PKCS8_PRIV_KEY_INFO *);
PKCS8_PRIV_KEY_INFO *PKCS8_decrypt(const X509_SIG *, const char *, int);
X509_SIG *d2i_X509_SIG(X509_SIG **, const unsigned char **, long);
int i2d_X509_SIG(const X509_SIG *, unsigned char **);
void X509_SIG_free(X509_SIG *);
const EVP_CIPHER *EVP_aes_256_cbc(void);
"""


class SM2Error(TrustError):
    """SM2 cannot be used here, or an SM2 key cannot be read."""


class Libcrypto:
    """The opened library. Keys are opaque; a key frees itself when nobody refers to it any more."""

    def __init__(self, ffi: Any, library: Any) -> None:
        self._ffi, self._library = ffi, library
        if library.OpenSSL_version_num() < _OLDEST_VERSION:
            raise SM2Error(f"{LIBRARY} is older than OpenSSL 3.0", code="sm2-unavailable")
        # Fetched once and kept as long as the process lives.
        self._sm3 = library.EVP_MD_fetch(ffi.NULL, b"SM3", ffi.NULL)
        if self._sm3 == ffi.NULL:
            raise SM2Error(f"{LIBRARY} was built without SM3", code="sm2-unavailable")
        try:
            self._template = self._own_key(self._decode(library.d2i_PUBKEY, _BASE_POINT))
        except SM2Error:
            raise SM2Error(f"{LIBRARY} was built without SM2", code="sm2-unavailable") from None

    def sm3(self, data: bytes) -> bytes:
        """The SM3 digest of data (GB/T 32905)."""
        digest = self._ffi.new("unsigned char[32]")
        none = self._ffi.NULL
        self._check(self._library.EVP_Digest(data, len(data), digest, none, self._sm3, none))
        return bytes(digest)

    # --- keys ---

    def load_public_key(self, point: bytes) -> Any:
        """The key of an uncompressed point."""
        # Reading a SubjectPublicKeyInfo takes half a verification; another point for a known key a fortieth.
        key = self._own_key(self._library.EVP_PKEY_dup(self._template))
        self._check(self._library.EVP_PKEY_set1_encoded_public_key(key, point, len(point)))
        return key

    def generate_key(self) -> Any:
        """A new private key, from the library's own source of randomness."""
        new, none = self._library.EVP_PKEY_CTX_new_from_name, self._ffi.NULL
        key = self._ffi.new("EVP_PKEY **")
        with self._owned(new(none, b"SM2", none), self._library.EVP_PKEY_CTX_free) as context:
            self._check(self._library.EVP_PKEY_keygen_init(context))
            self._check(self._library.EVP_PKEY_generate(context, key))
        return self._own_key(key[0])

    def encode_public_key(self, key: Any) -> bytes:
        """DER SubjectPublicKeyInfo of a key."""
        return self._encode(self._library.i2d_PUBKEY, key)

    def load_private_key(self, private_key: bytes) -> Any:
        """The key of a DER PrivateKeyInfo (RFC 5958)."""
        library = self._library
        decoded = self._decode(library.d2i_PKCS8_PRIV_KEY_INFO, private_key)
        with self._owned(decoded, library.PKCS8_PRIV_KEY_INFO_free) as info:
            return self._own_key(library.EVP_PKCS82PKEY(info))

    def decrypt_private_key(self, encrypted: bytes, passphrase: bytes) -> Any:
        """The key of a DER EncryptedPrivateKeyInfo (RFC 5958 3)."""
        library = self._library
        with self._owned(self._decode(library.d2i_X509_SIG, encrypted), library.X509_SIG_free) as envelope:
            decrypted = library.PKCS8_decrypt(envelope, passphrase, len(passphrase))
            with self._owned(decrypted, library.PKCS8_PRIV_KEY_INFO_free) as info:
                return self._own_key(library.EVP_PKCS82PKEY(info))

    def encrypt_private_key(self, key: Any, passphrase: bytes) -> bytes:
        """DER EncryptedPrivateKeyInfo: PBES2 with AES-256-CBC (RFC 8018 6.2)."""
        library, none = self._library, self._ffi.NULL
        with self._owned(library.EVP_PKEY2PKCS8(key), library.PKCS8_PRIV_KEY_INFO_free) as info:
            cipher, length = library.EVP_aes_256_cbc(), len(passphrase)
            encrypted = library.PKCS8_encrypt(
                _PBES2, cipher, passphrase, length, none, 0, _KEY_DERIVATIONS, info
            )
            with self._owned(encrypted, library.X509_SIG_free) as envelope:
                return self._encode(library.i2d_X509_SIG, envelope)

    # --- signatures ---

    def sign(self, key: Any, data: bytes, signer_id: bytes) -> bytes:
        """SM2-with-SM3 over data: DER SEQUENCE of r and s."""
        with self._signature_context(key, signer_id) as context:
            library, none = self._library, self._ffi.NULL
            self._check(library.EVP_DigestSignInit(context, none, self._sm3, none, key))
            signature = self._ffi.new("unsigned char[]", _SIGNATURE_ROOM)
            size = self._ffi.new("size_t *", _SIGNATURE_ROOM)
            self._check(library.EVP_DigestSign(context, signature, size, data, len(data)))
            return bytes(self._ffi.buffer(signature, size[0]))

    def verify(self, key: Any, signature: bytes, data: bytes, signer_id: bytes) -> bool:
        """Whether the signature over data is the key's."""
        with self._signature_context(key, signer_id) as context:
            library, none = self._library, self._ffi.NULL
            self._check(library.EVP_DigestVerifyInit(context, none, self._sm3, none, key))
            outcome: int = library.EVP_DigestVerify(context, signature, len(signature), data, len(data))
            if outcome != 1:
                library.ERR_clear_error()
            return outcome == 1

    @contextmanager
    def _signature_context(self, key: Any, signer_id: bytes) -> Iterator[Any]:
        """A message digest context bound to the key and the signer's identifier."""
        library, none = self._library, self._ffi.NULL
        key_context = library.EVP_PKEY_CTX_new_from_pkey(none, key, none)
        context = library.EVP_MD_CTX_new()
        try:
            self._check(none not in (key_context, context))
            self._check(library.EVP_PKEY_CTX_set1_id(key_context, signer_id, len(signer_id)))
            library.EVP_MD_CTX_set_pkey_ctx(context, key_context)
            yield context
        finally:
            # Both accept a null pointer; the first refers to the second.
            library.EVP_MD_CTX_free(context)
            library.EVP_PKEY_CTX_free(key_context)

    # --- memory ---

    @contextmanager
    def _owned(self, pointer: Any, free: Callable[[Any], None]) -> Iterator[Any]:
        """A structure of the library's for the time of the block, freed on every way out of it."""
        self._check(pointer != self._ffi.NULL)
        try:
            yield pointer
        finally:
            free(pointer)

    def _own_key(self, key: Any) -> Any:
        """The key as an object that frees it; only SM2 keys are let in."""
        self._check(key != self._ffi.NULL)
        owned = self._ffi.gc(key, self._library.EVP_PKEY_free)
        self._check(self._library.EVP_PKEY_is_a(owned, b"SM2"))
        return owned

    def _decode(self, decode: Callable[..., Any], encoded: bytes) -> Any:
        """What a d2i function makes of all the octets."""
        octets = self._ffi.from_buffer("unsigned char[]", encoded)
        position = self._ffi.new("const unsigned char **", octets)
        return decode(self._ffi.NULL, position, len(encoded))

    def _encode(self, encode: Callable[..., int], value: Any) -> bytes:
        """What an i2d function writes: asked for the size first."""
        size = encode(value, self._ffi.NULL)
        self._check(size > 0)
        octets = self._ffi.new("unsigned char[]", size)
        encode(value, self._ffi.new("unsigned char **", octets))
        return bytes(self._ffi.buffer(octets))

    def _check(self, succeeded: int | bool) -> None:
        """Raise unless the call gave 1; the error queue is left empty for the thread's next call."""
        if succeeded != 1:
            self._library.ERR_clear_error()
            raise SM2Error("libcrypto refused the operation or the key", code="sm2-refused")


def open_libcrypto() -> Libcrypto:
    """Open the system's library; SM2Error when it is missing, too old or built without SM2 or SM3."""
    try:
        from cffi import FFI

        ffi = FFI()
        ffi.cdef(_DECLARATIONS)
        library = ffi.dlopen(LIBRARY)
    except (ImportError, OSError) as error:
        raise SM2Error(f"SM2 needs {LIBRARY} of OpenSSL 3: {error}", code="sm2-unavailable") from error
    return Libcrypto(ffi, library)
