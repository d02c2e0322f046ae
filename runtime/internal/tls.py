"""TLS contexts for both ends of a call between services (RFC 8446, RFC 9325)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import KeyFileError
from runtime.secret_file import read_passphrase


def server_context(certificate: Path, key: Path, passphrase: Path, trusted: Iterable[Path]) -> ssl.SSLContext:
    """Return the context of a listener that demands a certificate of our CA from its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    # Every connection proves its key anew: a resumed session would outlive the certificate's revocation.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    _complete(context, certificate, key, passphrase, trusted)
    return context


def client_context(certificate: Path, key: Path, passphrase: Path, trusted: Iterable[Path]) -> ssl.SSLContext:
    """Return the context of a caller: our CA only; the server's name is checked by `ServiceIdentity`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    _complete(context, certificate, key, passphrase, trusted)
    return context


def _complete(
    context: ssl.SSLContext, certificate: Path, key: Path, passphrase: Path, trusted: Iterable[Path]
) -> None:
    """Set what both ends have in common."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    for path in trusted:
        context.load_verify_locations(cafile=path)
    try:
        context.load_cert_chain(certificate, key, password=lambda: read_passphrase(passphrase))
    except (OSError, ssl.SSLError) as error:
        raise KeyFileError(
            f"{certificate}, {key}: cannot be used for TLS ({error}); check the files and the passphrase",
            code="tls-key-unusable",
        ) from None
