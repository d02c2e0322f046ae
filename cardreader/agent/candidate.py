"""Which cards can do what is asked: those in a reader, with a certificate in its time and for that use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cardreader.connection import Reader, ReaderSource, transaction
from cardreader.errors import CardError, NoCardError, NoCertificateError, NoReaderError, NotPivError
from cardreader.piv import PivCard
from cardreader.piv_terms import Slot
from cardreader.prompt import Candidate
from trust.certificate import Certificate
from trust.encoding.extensions import KeyUsage
from trust.errors import TrustError
from trust.names import NameAttribute
from trust.profile_policy import CertificateKind, kind_of
from trust.vocabulary import ExtendedKeyUsage

Suitable = Callable[[Certificate, CertificateKind | None], bool]

_KIND_LABELS = {
    CertificateKind.CITIZEN_AUTHENTICATION: ("Citizen card", "一卡通"),
    CertificateKind.CITIZEN_SIGNATURE: ("Citizen card", "一卡通"),
    CertificateKind.ENTERPRISE_AUTHENTICATION: ("Enterprise card", "e证通"),
    CertificateKind.ENTERPRISE_SIGNATURE: ("Enterprise card", "e证通"),
    CertificateKind.OFFICER_AUTHENTICATION: ("Officer card", "工作证"),
    CertificateKind.OFFICER_SIGNATURE: ("Officer card", "工作证"),
}
_UNKNOWN_KIND = ("Card", "证卡")


@dataclass(frozen=True)
class SuitableCard:
    """A card that can do it: its reader, its certificate, and what a person is shown of it."""

    reader: Reader
    certificate: Certificate
    shown: Candidate


def can_log_in(certificate: Certificate, _kind: CertificateKind | None) -> bool:
    """A login certificate: for client authentication."""
    purposes = certificate.extended_key_usage
    return purposes is not None and ExtendedKeyUsage.CLIENT_AUTHENTICATION in purposes


def can_sign_documents(certificate: Certificate, _kind: CertificateKind | None) -> bool:
    """A signature certificate: for non-repudiation."""
    usage = certificate.key_usage
    return usage is not None and KeyUsage.NON_REPUDIATION in usage


def can_approve(_certificate: Certificate, kind: CertificateKind | None) -> bool:
    """An officer's signature certificate."""
    return kind is CertificateKind.OFFICER_SIGNATURE


def find_suitable(
    source: ReaderSource, slot: Slot, suitable: Suitable, policy_arc: str, at: datetime
) -> list[SuitableCard]:
    """Every suitable card; when there is none, the error that says what is missing."""
    readers = source.readers()
    if not readers:
        raise NoReaderError
    present = [reader for reader in readers if reader.card_present()]
    if not present:
        raise NoCardError
    found: list[SuitableCard] = []
    obstacles: list[CardError] = []
    for reader in present:
        try:
            card = _look_at(reader, slot, policy_arc)
        except (CardError, TrustError) as error:
            obstacles.append(_as_card_error(error))
            continue
        if suitable(card.certificate, kind_of(card.certificate.policies, policy_arc)):
            found.append(card)
    in_time = [card for card in found if _is_in_time(card.certificate, at)]
    if not in_time:
        raise _nothing_suitable(found, obstacles, at)
    return in_time


def _look_at(reader: Reader, slot: Slot, policy_arc: str) -> SuitableCard:
    """Read a card's certificate and counter, and let go of it."""
    with transaction(reader) as connection:
        card = PivCard.select(connection)
        certificate = Certificate.parse(card.require_certificate(slot))
        status = card.pin_status()
    kind = kind_of(certificate.policies, policy_arc)
    english, chinese = _KIND_LABELS.get(kind, _UNKNOWN_KIND) if kind else _UNKNOWN_KIND
    shown = Candidate(
        reader_name=reader.name,
        holder=holder_name(certificate),
        kind=english,
        kind_zh=chinese,
        not_valid_after=certificate.not_valid_after,
        attempts_remaining=status.attempts_remaining or 0,
        is_virtual=reader.is_virtual,
    )
    return SuitableCard(reader, certificate, shown)


def holder_name(certificate: Certificate) -> str:
    """Whose card it is, as shown: the common name, or the whole subject."""
    return certificate.subject_attributes.get(NameAttribute.COMMON_NAME) or certificate.subject_text


def _is_in_time(certificate: Certificate, at: datetime) -> bool:
    """Whether the certificate is valid at a time."""
    return certificate.not_valid_before <= at <= certificate.not_valid_after


def _nothing_suitable(found: list[SuitableCard], obstacles: list[CardError], at: datetime) -> CardError:
    """Why no card will do."""
    if found:
        day = found[0].certificate.not_valid_after.date().isoformat()
        if found[0].certificate.not_valid_after < at:
            return NoCertificateError(
                f"The certificate on this card expired on {day}. Renew it at a service desk.",
                f"此证卡的证书已于 {day} 过期。请到服务窗口更新。",
            )
        return NoCertificateError(
            "The certificate on this card is not valid yet. Check this machine's clock.",
            "此证卡的证书尚未生效。请检查本机时间。",
        )
    serious = [error for error in obstacles if not isinstance(error, NoCertificateError | NotPivError)]
    if serious:
        return serious[0]
    return obstacles[0] if obstacles else NoCertificateError()


def _as_card_error(error: CardError | TrustError) -> CardError:
    """A certificate that cannot be read, told as a fault of the card."""
    if isinstance(error, CardError):
        return error
    return NoCertificateError(
        f"The certificate on the card cannot be read ({error.code}). Have it replaced at a service desk.",
        "无法读取证卡上的证书。请到服务窗口更换。",
    )
