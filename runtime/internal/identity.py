"""From a certificate to the name of the service it proves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from runtime.internal.errors import IdentityError
from trust.certificate import Certificate, load_pem_certificates
from trust.errors import TrustError
from trust.path import RevocationEvidence, RevocationPolicy, ValidationInputs, validate_path
from trust.profile_policy import CertificateKind, kind_of, service_name
from trust.vocabulary import ExtendedKeyUsage

# The certificates of a path, leaf first, and the time: what is known of their revocation.
RevocationSource = Callable[[Sequence[Certificate], datetime], RevocationEvidence]

# A verdict is kept this long: a revoked service is out after a minute, and a busy one costs no second look.
_VERDICT_LIFETIME = timedelta(seconds=60)
_MAXIMUM_VERDICTS = 256

_PURPOSES = {
    CertificateKind.TLS_CLIENT: ExtendedKeyUsage.CLIENT_AUTHENTICATION,
    CertificateKind.TLS_SERVER: ExtendedKeyUsage.SERVER_AUTHENTICATION,
}


class ServiceIdentity:
    """Tells which service a TLS certificate names, having validated it as one of the given kind."""

    def __init__(
        self,
        kind: CertificateKind,
        anchors: Sequence[Certificate],
        intermediates: Sequence[Certificate],
        *,
        policy_arc: str,
        revocation: RevocationSource | None = None,
    ) -> None:
        self._kind = kind
        self._anchors = tuple(anchors)
        self._intermediates = tuple(intermediates)
        self._policy_arc = policy_arc
        self._revocation = revocation
        self._verdicts: dict[bytes, tuple[str, datetime]] = {}
        self._lock = threading.Lock()

    def service_of(self, unverified_certificate: bytes, at: datetime) -> str:
        """Return the service this certificate names; raise IdentityError when it does not prove one."""
        with self._lock:
            name, until = self._verdicts.get(unverified_certificate, ("", at))
        if at < until:
            return name
        try:
            certificate = Certificate.parse(unverified_certificate)
            name = self._validate(certificate, at)
        except TrustError as error:
            raise IdentityError(
                f"the certificate is not accepted: {error}", code="certificate-not-accepted"
            ) from error
        with self._lock:
            if len(self._verdicts) >= _MAXIMUM_VERDICTS:
                self._verdicts.clear()
            self._verdicts[certificate.der] = (name, min(at + _VERDICT_LIFETIME, certificate.not_valid_after))
        return name

    def _validate(self, certificate: Certificate, at: datetime) -> str:
        """Validate the path, then read kind and name: both are only true once the path is."""
        known = (certificate, *self._intermediates, *self._anchors)
        revocation = self._revocation(known, at) if self._revocation else RevocationEvidence()
        policy = RevocationPolicy.HARD_FAIL if self._revocation else RevocationPolicy.NOT_CHECKED
        inputs = ValidationInputs(
            anchors=self._anchors,
            intermediates=self._intermediates,
            revocation=revocation,
            revocation_policy=policy,
            required_extended_key_usage=_PURPOSES[self._kind],
        )
        validate_path(certificate, inputs, at).raise_if_invalid()
        if kind_of(certificate.policies, self._policy_arc) is not self._kind:
            raise IdentityError(
                f"the certificate was not issued as {self._kind.name.lower().replace('_', '-')} of a service",
                code="certificate-wrong-kind",
            )
        name = service_name(certificate.subject_alternative_name.uri)
        if not name:
            raise IdentityError("the certificate names no service", code="certificate-names-no-service")
        return name


def load_certificates(path: Path) -> list[Certificate]:
    """Read a PEM file of certificates; raise IdentityError naming the file when it holds none."""
    try:
        return load_pem_certificates(path.read_bytes())
    except OSError as error:
        raise IdentityError(
            f"{path}: cannot be read ({error.strerror})", code="certificate-missing"
        ) from None
    except TrustError as error:
        raise IdentityError(f"{path}: {error}", code="certificate-unreadable") from error
