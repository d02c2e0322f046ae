"""The judges: the engine, OpenSSL through pyOpenSSL, and pyhanko-certvalidator. Each says yes, or why not."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from OpenSSL import crypto
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.context import PKIXValidationParams
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy

from tests.fuzz.mutation import Case
from tests.standards.chains import AT
from trust.certificate import Certificate
from trust.errors import TrustError
from trust.path import RevocationPolicy, ValidationInputs, validate_path
from trust.report import PathReport

INHIBIT_ANY_POLICY = 0x200


@dataclass(frozen=True)
class Verdict:
    """Good, or the reasons against."""

    good: bool
    reasons: tuple[str, ...] = ()


def ours(case: Case) -> Verdict:
    """The engine's. Certificates of the bundle that cannot be read are left out, as a server would."""
    unread = [f"unread:{error.code}" for error in map(_refusal, case.bundle) if error]
    try:
        report = _report(case)
    except TrustError as error:
        return Verdict(False, (f"unread:{error.code}",))
    if report.valid:
        return Verdict(True)
    told = [f"{each.code}: {each.message_en}" for each in report.rejections]
    return Verdict(False, (*told, *unread))


def _refusal(encoded: bytes) -> TrustError | None:
    """Why the certificate cannot be read."""
    try:
        Certificate.parse(encoded)
    except TrustError as error:
        return error
    return None


def _report(case: Case) -> PathReport:
    """The engine's report; TrustError when the leaf or an anchor cannot be read."""
    inputs = ValidationInputs(
        tuple(Certificate.parse(encoded) for encoded in case.anchors),
        tuple(Certificate.parse(encoded) for encoded in case.bundle if _refusal(encoded) is None),
        revocation_policy=RevocationPolicy.NOT_CHECKED,
        initial_explicit_policy=case.explicit_policy,
        initial_policy_mapping_inhibit=case.inhibit_mapping,
        initial_any_policy_inhibit=case.inhibit_any,
    )
    return validate_path(Certificate.parse(case.leaf), inputs, AT)


def by_openssl(case: Case) -> Verdict:
    """OpenSSL's, strict, any certificate of the store an anchor, with the policy flags the case asks for."""
    flags = crypto.X509StoreFlags.X509_STRICT | crypto.X509StoreFlags.PARTIAL_CHAIN
    flags |= crypto.X509StoreFlags.POLICY_CHECK
    flags |= crypto.X509StoreFlags.INHIBIT_MAP if case.inhibit_mapping else 0
    flags |= INHIBIT_ANY_POLICY if case.inhibit_any else 0
    store = crypto.X509Store()
    others = []
    try:
        leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, case.leaf)
        for encoded in case.anchors:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, encoded))
    except crypto.Error as error:
        return Verdict(False, (f"unread: {error}",))
    for encoded in case.bundle:
        try:
            others.append(crypto.load_certificate(crypto.FILETYPE_ASN1, encoded))
        except crypto.Error:
            continue
    store.set_flags(flags)
    store.set_time(AT)
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return Verdict(False, (str(error),))
    return Verdict(True)


def by_certvalidator(case: Case) -> Verdict:
    """pyhanko-certvalidator's; it reads lazily, so that what it cannot read shows in many ways."""
    parameters = PKIXValidationParams(
        initial_explicit_policy=case.explicit_policy,
        initial_policy_mapping_inhibit=case.inhibit_mapping,
        initial_any_policy_inhibit=case.inhibit_any,
    )
    try:
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(encoded) for encoded in case.anchors],
            other_certs=[asn1_x509.Certificate.load(encoded) for encoded in case.bundle],
            moment=AT,
            algorithm_usage_policy=DisallowWeakAlgorithmsPolicy(),
        )
        leaf = asn1_x509.Certificate.load(case.leaf)
        validator = CertificateValidator(leaf, validation_context=context, pkix_params=parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.run(validator.async_validate_path())
    except (PathBuildingError, PathValidationError) as error:
        return Verdict(False, (str(error),))
    except Exception as error:
        return Verdict(False, (f"{type(error).__name__}: {error}",))
    return Verdict(True)


def path_of(case: Case) -> tuple[bytes, ...]:
    """The path that the engine has found good, leaf first."""
    return tuple(certificate.der for certificate in _report(case).path)
