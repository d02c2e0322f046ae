"""The card at the desk, as the authority sees it: certification requests come out, certificates go in.

The authority never talks to a card. Whoever assembles the program hands in a `CardPersonaliser`; a real
card through a reader and a virtual one are the same from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ca.profiles import SubjectShape


@dataclass(frozen=True)
class CardOrder:
    """One card to personalise; `card` says which one, in the personaliser's own words."""

    card: str
    holder: str
    shape: SubjectShape
    subject: bytes


@dataclass(frozen=True)
class CardRequests:
    """Certification requests (DER PKCS#10) signed by keys that were made on the card."""

    authentication: bytes
    signature: bytes


@dataclass(frozen=True)
class CardCertificates:
    """The certificates for a card (DER), with the chain up to the root."""

    authentication: bytes
    signature: bytes
    chain: tuple[bytes, ...]


class CardPersonaliser(Protocol):
    """Makes keys on a card and writes certificates to it."""

    def certification_requests(self, order: CardOrder) -> CardRequests:
        """Make both keys on the card and return requests that name `order.subject`."""
        ...

    def write_certificates(self, order: CardOrder, certificates: CardCertificates) -> None:
        """Write both certificates to the card."""
        ...
