"""How the status process hears from the issuing one: pages of the status feed, and the CRLs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ca.errors import StatusSourceError
from ca.publication import CrlView
from ca.standing import FeedEntry, FeedPage
from ca.wire import CHANGES_PATH, CRLS_PATH
from runtime.errors import RuntimeServiceError
from runtime.internal import InternalClient


class StatusFeed(Protocol):
    """The issuing process, as the status process sees it."""

    def changes(self, after: int) -> FeedPage:
        """The entries after a sequence number, oldest first."""
        ...

    def crls(self) -> Sequence[CrlView]:
        """The current CRLs."""
        ...


@dataclass(frozen=True)
class HttpFeed:
    """The feed over mutual TLS."""

    client: InternalClient

    def changes(self, after: int) -> FeedPage:
        """The entries after a sequence number, oldest first."""
        try:
            page = self.client.get_json(f"{CHANGES_PATH}?after={after}")
        except RuntimeServiceError as error:
            raise StatusSourceError(
                f"the issuing process did not answer: {error}", code=error.code
            ) from error
        entries = [
            FeedEntry(
                each["sequence"],
                datetime.fromisoformat(each["at"]),
                each["serial_number"],
                each["event"],
                each["reason"],
            )
            for each in page["changes"]
        ]
        return FeedPage(entries, page["last_sequence"], page["crl_numbers"])

    def crls(self) -> Sequence[CrlView]:
        """The current CRLs."""
        try:
            answer = self.client.get_json(CRLS_PATH)
        except RuntimeServiceError as error:
            raise StatusSourceError(
                f"the issuing process did not answer: {error}", code=error.code
            ) from error
        return [
            CrlView(
                each["issuer_key_id"],
                each["number"],
                datetime.fromisoformat(each["this_update"]),
                datetime.fromisoformat(each["next_update"]),
                base64.b64decode(each["der"]),
            )
            for each in answer["crls"]
        ]
