"""A service's signing key with its certificates: loaded once, and the two must belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.key_location import KeyLocation
from runtime.keys import load_signer
from runtime.settings import ServiceSettings
from signing.errors import SigningError
from trust.certificate import load_pem_certificates
from trust.signer import Signer


@dataclass(frozen=True)
class ServiceKey:
    """A key, its certificate, and the issuing CAs' certificates that travel with signatures."""

    signer: Signer
    certificate: bytes
    chain: tuple[bytes, ...]


def load_service_key(
    settings: ServiceSettings, key: KeyLocation, certificates: Path, *, code: str
) -> ServiceKey:
    """Load a key and its PEM chain; a chain without the issuing CA is completed from the intermediates.

    Raises SigningError with the given code when the key is not the certificate's.
    """
    signer = load_signer(key, settings.key_passphrase_file)
    certificate, *chain = load_pem_certificates(certificates.read_bytes())
    if certificate.public_key != signer.public_key:
        raise SigningError(f"{key} is not the key of {certificates}", code=code)
    known = load_pem_certificates(settings.intermediates.read_bytes())
    issuers = [item for item in known if item.subject == certificate.issuer]
    return ServiceKey(signer, certificate.der, tuple(dict.fromkeys(item.der for item in (*chain, *issuers))))
