"""What the agent does: find the cards, ask the person, sign. One question at a time.

Login follows Web eID: the key in 9A signs digest(origin) || digest(nonce). Documents and approvals are signed
by the key in 9C. The card is reset and the PIN wiped on every way out.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from cardreader import clock
from cardreader.agent import candidate, detail
from cardreader.agent.request import ApprovalRequest, DocumentRequest, LoginRequest
from cardreader.connection import ReaderSource, transaction
from cardreader.errors import (
    CardBusyError,
    CardError,
    NoCardError,
    PinBlockedError,
    PinFormatError,
    PinWrongError,
    UserCancelledError,
)
from cardreader.piv import PivCard
from cardreader.piv_key import algorithm_of
from cardreader.piv_terms import KeyAlgorithm, Slot
from cardreader.process import wipe
from cardreader.prompt import Consent, ConsentRequest, Prompt, Purpose
from cardreader.signer import CardSigner
from trust.approval import sign_approval
from trust.certificate import Certificate
from trust.digest import digest_named
from trust.profile_policy import DEFAULT_POLICY_ARC

TOKEN_FORMAT = "web-eid:1.1"  # noqa: S105 - the name of a format
APP_VERSION = "https://tongxing.example/agent/1"
_TURN_TIMEOUT = 3.0

T = TypeVar("T")
Act = Callable[[PivCard, CardSigner, Certificate], T]


class Operations:
    """The agent's verbs, over a source of readers and a prompt."""

    def __init__(
        self,
        source: ReaderSource,
        prompt: Prompt,
        *,
        policy_arc: str = DEFAULT_POLICY_ARC,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._source = source
        self._prompt = prompt
        self._policy_arc = policy_arc
        self._now = now
        self._turn = threading.Lock()

    def login(self, request: LoginRequest, origin: str, language: str) -> dict[str, Any]:
        """A card token (web-eid:1.1) for an origin and its nonce."""

        def act(card: PivCard, signer: CardSigner, certificate: Certificate) -> dict[str, Any]:
            kind = algorithm_of(certificate.public_key)
            digest = digest_named(kind.digest).digest
            signed = digest(origin.encode("utf-8")) + digest(request.nonce.encode("utf-8"))
            signature = raw_signature(signer.sign(signed), kind)
            signing = card.read_certificate(Slot.SIGNATURE)
            return {
                "format": TOKEN_FORMAT,
                "unverifiedCertificate": _text(certificate.der),
                "algorithm": algorithm_name(kind),
                "signature": _text(signature),
                "appVersion": APP_VERSION,
                "unverifiedSigningCertificates": [_signing_certificate(signing)] if signing else [],
            }

        request_shown = ConsentRequest(Purpose.LOGIN, origin, (), (), language)
        return self._with_card(request_shown, Slot.AUTHENTICATION, candidate.can_log_in, act)

    def certificate(self, origin: str, language: str) -> dict[str, Any]:
        """The certificate of the card the person chooses to sign with; no PIN."""
        shown = ConsentRequest(Purpose.CERTIFICATE, origin, (), (), language, needs_pin=False)
        with self._asking(shown.purpose):
            cards, _ = self._candidates(shown, Slot.SIGNATURE, candidate.can_sign_documents)
            shown = replace(shown, candidates=tuple(card.shown for card in cards))
            chosen = cards[self._prompt.ask(shown).choice]
        return {
            **_signing_certificate(chosen.certificate.der),
            "card": {"holder": chosen.shown.holder, "reader": chosen.shown.reader_name},
        }

    def document(self, request: DocumentRequest, origin: str, language: str) -> dict[str, Any]:
        """A signature over signed attributes; ECDSA as DER, as CMS wants it."""

        def suitable(certificate: Certificate, kind: Any) -> bool:
            return certificate.der == request.certificate and candidate.can_sign_documents(certificate, kind)

        def act(_card: PivCard, signer: CardSigner, certificate: Certificate) -> dict[str, Any]:
            signature = signer.sign(request.signed_attributes)
            return {
                "signature": _text(signature),
                "algorithm": algorithm_name(algorithm_of(certificate.public_key)),
            }

        details = detail.of_document(request, language)
        shown = ConsentRequest(Purpose.DOCUMENT, origin, details, (), language)
        return self._with_card(shown, Slot.SIGNATURE, suitable, act)

    def approval(self, request: ApprovalRequest, origin: str, language: str) -> dict[str, Any]:
        """A CMS over the statement's bytes, signed by an officer's card."""

        def act(_card: PivCard, signer: CardSigner, certificate: Certificate) -> dict[str, Any]:
            return {
                "approval": _text(sign_approval(request.encoded, signer, certificate.der, at=self._now()))
            }

        shown = ConsentRequest(
            Purpose.APPROVAL, origin, detail.of_approval(request.statement, language), (), language
        )
        return self._with_card(shown, Slot.SIGNATURE, candidate.can_approve, act)

    # --- consent, then the card -------------------------------------------------------------------------

    def _with_card(self, shown: ConsentRequest, slot: Slot, suitable: candidate.Suitable, act: Act[T]) -> T:
        """Ask until the PIN is right, the person cancels or the card is blocked; then act."""
        with self._asking(shown.purpose):
            while True:
                cards, shown = self._candidates(shown, slot, suitable)
                if all(card.shown.attempts_remaining == 0 for card in cards):
                    raise PinBlockedError
                consent = self._prompt.ask(shown)
                try:
                    return self._use(cards[consent.choice], slot, consent, act)
                except (PinWrongError, PinFormatError) as error:
                    if not self._prompt.interactive:
                        raise
                    shown = replace(shown, failure=error)
                finally:
                    wipe(consent.pin)

    def _candidates(
        self, shown: ConsentRequest, slot: Slot, suitable: candidate.Suitable
    ) -> tuple[list[candidate.SuitableCard], ConsentRequest]:
        """The suitable cards as they are now, and the request that shows them."""
        cards = candidate.find_suitable(self._source, slot, suitable, self._policy_arc, self._now())
        return cards, replace(shown, candidates=tuple(card.shown for card in cards))

    @staticmethod
    def _use(chosen: candidate.SuitableCard, slot: Slot, consent: Consent, act: Act[T]) -> T:
        """Hold the card that was shown, and no other, and act with it."""
        with transaction(chosen.reader) as connection:
            card = PivCard.select(connection)
            if card.read_certificate(slot) != chosen.certificate.der:
                raise NoCardError(
                    "The card in the reader is not the one that was shown. Start again.",
                    "读卡器中的卡与所显示的不同。请重新开始。",
                )
            with CardSigner(
                card, slot, lambda _status: bytearray(consent.pin), public_key=chosen.certificate.public_key
            ) as signer:
                return act(card, signer, chosen.certificate)

    @contextmanager
    def _asking(self, purpose: Purpose) -> Iterator[None]:
        """One question at a time; the prompt is told how each ended."""
        if not self._turn.acquire(timeout=_TURN_TIMEOUT):
            raise CardBusyError("Another page")
        failure: CardError | None = UserCancelledError()
        try:
            yield
            failure = None
        except CardError as error:
            failure = error
            raise
        finally:
            self._prompt.conclude(purpose, failure)
            self._turn.release()


def algorithm_name(kind: KeyAlgorithm) -> str:
    """The name of the signature algorithm in Web eID and JWA (RFC 7518 3.1)."""
    return "RS256" if kind.is_rsa else f"ES{kind.bits}"


def raw_signature(signature: bytes, kind: KeyAlgorithm) -> bytes:
    """The signature as Web eID sends it: ECDSA as r and s side by side (RFC 7518 3.4)."""
    if kind.is_rsa:
        return signature
    size = kind.bits // 8
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _signing_certificate(certificate: bytes) -> dict[str, Any]:
    """A signature certificate and what its key can do, in Web eID's words."""
    kind = algorithm_of(Certificate.parse(certificate).public_key)
    return {
        "certificate": _text(certificate),
        "supportedSignatureAlgorithms": [
            {
                "cryptoAlgorithm": "RSA" if kind.is_rsa else "ECC",
                "hashFunction": "SHA-384" if kind.digest == "sha384" else "SHA-256",
                "paddingScheme": "PKCS1.5" if kind.is_rsa else "NONE",
            }
        ],
    }


def _text(content: bytes) -> str:
    """Base64 for JSON."""
    return base64.b64encode(content).decode("ascii")
