"""From a blank card to a citizen's: keys made on the card, requests signed by it, certificates written back.

    1. identify: a random GUID (CHUID and CCC);          5. a PUK;
    2. generate the keys 9A and 9C on the card;          6. a management key of its own, derived by GUID;
    3. a PIN;                                            7. write the certificates, read them back;
    4. requests, each signed by the key it is for;       8. check: each key answers to its certificate.

`prepare` does 1 to 6 and `complete` 7 and 8; in between the authority decides, and the card may leave and
come back. Every step is journalled before and after and may be repeated: a pulled plug costs nothing but
running the same call again.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cardreader.connection import Reader, transaction
from cardreader.errors import (
    ManagementKeyError,
    NoCertificateError,
    PersonalizationError,
    PinWrongError,
    PukWrongError,
)
from cardreader.journal import Journal, Record, Step
from cardreader.piv import PivCard
from cardreader.piv_terms import (
    GUID_LENGTH,
    Chuid,
    KeyAlgorithm,
    ManagementAlgorithm,
    ManagementKey,
    ObjectTag,
    Slot,
    check_pin,
    check_puk,
    encode_capabilities,
)
from cardreader.process import wipe
from cardreader.signer import CardSigner
from trust.certificate import Certificate
from trust.encoding.request import sign_request

SLOTS = (Slot.AUTHENTICATION, Slot.SIGNATURE)
FACTORY_PIN = b"123456"
FACTORY_PUK = b"12345678"
MANAGEMENT_ALGORITHM = ManagementAlgorithm.AES_192
MINIMUM_MASTER_KEY = 16

_CARD_IDENTIFIER_LENGTH = 14
_KEY_CONTEXT = b"tongxing piv management key 1"
_CHALLENGE_LENGTH = 32
_DIGITS = "0123456789"


@dataclass(frozen=True)
class CardSecrets:
    """What a card is given: its PIN and PUK, and the desk's master key, from which its own key is derived."""

    pin: bytes | bytearray = field(repr=False)
    puk: bytes | bytearray = field(repr=False)
    master_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_pin(self.pin)
        check_puk(self.puk)
        if len(self.master_key) < MINIMUM_MASTER_KEY:
            raise PersonalizationError(
                f"The master key must have at least {MINIMUM_MASTER_KEY} bytes.",
                f"主密钥至少应有 {MINIMUM_MASTER_KEY} 字节。",
            )

    @classmethod
    def random(cls, master_key: bytes) -> CardSecrets:
        """A random PIN of six digits and a random PUK of eight."""
        pin = "".join(secrets.choice(_DIGITS) for _ in range(6))
        puk = "".join(secrets.choice(_DIGITS) for _ in range(8))
        return cls(pin.encode("ascii"), puk.encode("ascii"), master_key)

    def wipe(self) -> None:
        """Overwrite the PIN and the PUK, where they were given as bytearrays."""
        for secret in (self.pin, self.puk):
            if isinstance(secret, bytearray):
                wipe(secret)

    def management_key(self, guid: bytes) -> ManagementKey:
        """The card's own management key: HKDF-SHA-256 (RFC 5869) of the master key, by the card's GUID."""
        return derive_management_key(self.master_key, guid)


def derive_management_key(master_key: bytes, guid: bytes) -> ManagementKey:
    """A card's management key from the desk's master key and the card's GUID (HKDF-SHA-256, RFC 5869)."""
    kdf = HKDF(hashes.SHA256(), MANAGEMENT_ALGORITHM.key_length, salt=guid, info=_KEY_CONTEXT)
    return ManagementKey(MANAGEMENT_ALGORITHM, kdf.derive(master_key))


@dataclass(frozen=True)
class CardRequests:
    """What `prepare` hands to the authority: the card's GUID and a DER certification request a slot."""

    guid: bytes
    requests: Mapping[Slot, bytes]


class Personalization:
    """Personalises cards, one transaction a call. `progress` is told each step as it begins."""

    def __init__(
        self,
        journal: Journal,
        *,
        algorithm: KeyAlgorithm = KeyAlgorithm.P_256,
        factory_key: ManagementKey | None = None,
        progress: Callable[[Step], None] = lambda _step: None,
    ) -> None:
        self._journal = journal
        self._algorithm = algorithm
        self._factory_key = factory_key or ManagementKey.factory(MANAGEMENT_ALGORITHM)
        self._progress = progress

    def record_of(self, reader: Reader) -> Record | None:
        """What this desk has done to the card in the reader already; None for a card new to it."""
        with transaction(reader) as connection:
            chuid = PivCard.select(connection).read_chuid()
        return self._journal.load(chuid.guid) if chuid is not None else None

    def prepare(self, reader: Reader, card_secrets: CardSecrets, subject: bytes) -> CardRequests:
        """Steps 1 to 6; `subject` is the DER Name to put into the requests."""
        with transaction(reader) as connection:
            card = PivCard.select(connection)
            record = self._identify(card, card_secrets)
            own_key = card_secrets.management_key(record.guid)
            self._once(record, Step.GENERATE_KEYS, lambda _: self._generate_keys(card, record))
            self._once(record, Step.SET_PIN, lambda again: _set_pin(card, card_secrets.pin, again))
            self._once(record, Step.SET_PUK, lambda again: _set_puk(card, card_secrets.puk, again))
            self._once(record, Step.SET_MANAGEMENT_KEY, lambda _: card.set_management_key(own_key))
            requests = {slot: _sign_request(card, slot, record, card_secrets, subject) for slot in SLOTS}
        return CardRequests(record.guid, requests)

    def complete(
        self, reader: Reader, card_secrets: CardSecrets, certificates: Mapping[Slot, bytes]
    ) -> Record:
        """Steps 7 and 8; the card must be one that `prepare` has seen."""
        with transaction(reader) as connection:
            card = PivCard.select(connection)
            record = self._find(card)
            _check_certificates(record, certificates)
            card.authenticate_management(card_secrets.management_key(record.guid))
            self._progress(Step.WRITE_CERTIFICATES)
            for slot, certificate in certificates.items():
                card.write_certificate(slot, certificate)
                if card.read_certificate(slot) != certificate:
                    raise PersonalizationError(
                        f"The card did not keep the certificate of slot {slot.label}. Replace the card.",
                        f"槽位 {slot.label} 的证书写入失败，请换卡。",
                    )
                record.certificate_digests[slot] = hashlib.sha256(certificate).hexdigest()
            record.done.add(Step.WRITE_CERTIFICATES)
            self._journal.save(record)
            self._once(record, Step.CHECK, lambda _: _check_keys(card, record, card_secrets.pin))
        return record

    # --- steps ------------------------------------------------------------------------------------------

    def _once(self, record: Record, step: Step, act: Callable[[bool], None]) -> None:
        """Do a step unless the journal says that it is done; note it before and after.

        `act` is told whether the step was begun before: then the card may already have what it sets.
        """
        if step in record.done:
            return
        self._progress(step)
        again = step in record.begun
        record.begun.add(step)
        self._journal.save(record)
        act(again)
        record.done.add(step)
        self._journal.save(record)

    def _identify(self, card: PivCard, card_secrets: CardSecrets) -> Record:
        """Step 1: find the card's record, or begin one; the management key is proven on the way."""
        chuid = card.read_chuid()
        record = self._journal.load(chuid.guid) if chuid is not None else None
        if record is None:
            if any(card.read_certificate(slot) is not None for slot in SLOTS):
                raise PersonalizationError(
                    "This card is already personalised, and not by this desk. Insert a blank card.",
                    "此卡已制作过，且不是本窗口制作的。请插入空白卡。",
                    code="card-not-blank",
                )
            guid = chuid.guid if chuid is not None else secrets.token_bytes(GUID_LENGTH)
            record = Record(guid, self._algorithm)
        self._authenticate(card, record, card_secrets)
        self._once(record, Step.IDENTIFY, lambda _: _write_identity(card, record.guid))
        return record

    def _authenticate(self, card: PivCard, record: Record, card_secrets: CardSecrets) -> None:
        """Prove the factory key, or the card's own once it may have been set."""
        own_key = card_secrets.management_key(record.guid)
        if Step.SET_MANAGEMENT_KEY in record.done:
            card.authenticate_management(own_key)
            return
        try:
            card.authenticate_management(self._factory_key)
        except ManagementKeyError:
            if Step.SET_MANAGEMENT_KEY not in record.begun:
                raise
            card.authenticate_management(own_key)

    def _generate_keys(self, card: PivCard, record: Record) -> None:
        """Step 2: one key a slot, each noted as soon as it exists."""
        for slot in SLOTS:
            if slot not in record.public_keys:
                record.public_keys[slot] = card.generate_key(slot, record.algorithm)
                self._journal.save(record)

    def _find(self, card: PivCard) -> Record:
        """The record of a card that has come back."""
        chuid = card.read_chuid()
        record = self._journal.load(chuid.guid) if chuid is not None else None
        if record is None or not set(SLOTS) <= set(record.public_keys):
            raise PersonalizationError(
                "This is not the card that was prepared here. Insert that card, or prepare this one first.",
                "这不是在此准备的那张卡。请插入原卡，或先准备此卡。",
                code="wrong-card",
            )
        return record


def _write_identity(card: PivCard, guid: bytes) -> None:
    """CHUID and CCC of a new card."""
    card.write_object(ObjectTag.CHUID, Chuid(guid).encode())
    identifier = secrets.token_bytes(_CARD_IDENTIFIER_LENGTH)
    card.write_object(ObjectTag.CAPABILITIES, encode_capabilities(identifier))


def _set_pin(card: PivCard, pin: bytes | bytearray, again: bool) -> None:
    """Step 3: from the factory PIN, unless the step was begun before and the new PIN is already there."""
    if again:
        with contextlib.suppress(PinWrongError):
            card.change_pin(pin, pin)
            return
    card.change_pin(FACTORY_PIN, pin)


def _set_puk(card: PivCard, puk: bytes | bytearray, again: bool) -> None:
    """Step 5: from the factory PUK, unless the step was begun before and the new PUK is already there."""
    if again:
        with contextlib.suppress(PukWrongError):
            card.change_puk(puk, puk)
            return
    card.change_puk(FACTORY_PUK, puk)


def _sign_request(
    card: PivCard, slot: Slot, record: Record, card_secrets: CardSecrets, subject: bytes
) -> bytes:
    """Step 4: a certification request, signed by the key on the card; the signer checks the signature."""
    public_key = record.public_keys[slot]
    with CardSigner(card, slot, lambda _status: bytearray(card_secrets.pin), public_key=public_key) as signer:
        return sign_request(subject, signer)


def _check_certificates(record: Record, certificates: Mapping[Slot, bytes]) -> None:
    """Each certificate is for the key that this card made in its slot."""
    if set(certificates) != set(SLOTS):
        raise NoCertificateError(
            "Both certificates are needed: for 9A (authentication) and 9C (signature).",
            "需要两张证书：9A（认证）和 9C（签名）。",
        )
    for slot, certificate in certificates.items():
        if Certificate.parse(certificate).public_key != record.public_keys[slot]:
            raise PersonalizationError(
                f"The certificate for slot {slot.label} is not for this card's key. Nothing was written.",
                f"槽位 {slot.label} 的证书与此卡的密钥不符。未写入任何内容。",
                code="certificate-for-another-key",
            )


def _check_keys(card: PivCard, record: Record, pin: bytes | bytearray) -> None:
    """Step 8: each key signs something random, and its certificate's key verifies it."""
    for slot in SLOTS:
        certificate = Certificate.parse(card.require_certificate(slot))
        if hashlib.sha256(certificate.der).hexdigest() != record.certificate_digests[slot]:
            raise PersonalizationError(
                "The card holds another certificate than was written. Replace the card.",
                "卡中的证书与写入的不同，请换卡。",
            )
        with CardSigner(card, slot, lambda _status: bytearray(pin)) as signer:
            signer.sign(secrets.token_bytes(_CHALLENGE_LENGTH))
