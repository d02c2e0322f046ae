"""Asks a timestamp authority (RFC 3161 over HTTP) and believes nothing of the answer unchecked.

`TimestampClient` is for CMS and receipts; `PdfTimeStamper` offers it to pyHanko.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from runtime.errors import RuntimeServiceError
from signing.errors import TimestampError
from signing.tsa_protocol import QUERY_TYPE
from trust.digest import DigestAlgorithm, digest_named
from trust.encoding.timestamp import encode_timestamp_request
from trust.errors import TrustError
from trust.timestamp import parse_timestamp_response, parse_timestamp_token, verify_timestamp_token

_NONCE_BYTES = 16
_OK = 200


class Fetched(Protocol):
    """An HTTP answer (`runtime.fetch.Fetched`)."""

    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


class Poster(Protocol):
    """What sends a request (`runtime.fetch.Fetcher`)."""

    def post(self, url: str, body: bytes, content_type: str) -> Fetched:
        """POST a body and return the answer."""
        ...


class TimestampClient:
    """One authority, by its address."""

    def __init__(
        self, fetcher: Poster, url: str, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._fetcher = fetcher
        self._url = url
        self._random_bytes = random_bytes

    def timestamp(self, data: bytes) -> bytes:
        """Return a DER token over the SHA-256 digest of the data."""
        return self.timestamp_digest(DigestAlgorithm.SHA256.digest(data), DigestAlgorithm.SHA256)

    def timestamp_digest(self, digest: bytes, algorithm: DigestAlgorithm) -> bytes:
        """Return a DER token over a digest; nonce, imprint, signature and purpose have been checked."""
        nonce = int.from_bytes(self._random_bytes(_NONCE_BYTES), "big") >> 1
        reply = self._ask(encode_timestamp_request(algorithm, digest, nonce=nonce))
        try:
            token = parse_timestamp_response(reply)
            verify_timestamp_token(
                parse_timestamp_token(token), digest, digest_algorithm=algorithm, nonce=nonce
            )
        except TrustError as error:
            raise TimestampError(
                "The timestamp authority's answer is not good (%(why)s). Nothing was lost; try again.",
                why=error.message,
            ) from error
        return token

    def _ask(self, request: bytes) -> bytes:
        """Send the request; the answer's content type is the standard's."""
        try:
            fetched = self._fetcher.post(self._url, request, QUERY_TYPE)
        except RuntimeServiceError as error:
            raise TimestampError(
                "The timestamp authority cannot be reached. Nothing was lost; try again in a moment."
            ) from error
        if fetched.status != _OK:
            raise TimestampError(
                "The timestamp authority answered %(status)s. Nothing was lost; try again in a moment.",
                status=fetched.status,
            )
        return fetched.body


def pdf_timestamper(client: TimestampClient) -> Any:
    """Return the client as a pyHanko TimeStamper; pyHanko is imported when this is called."""
    from asn1crypto import cms
    from pyhanko.sign.timestamps import TimeStamper

    class PdfTimeStamper(TimeStamper):  # type: ignore[misc] # pyHanko is imported lazily and untyped here
        """Fetches tokens through our client."""

        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
            """Return a token over the digest as a ContentInfo."""
            token = client.timestamp_digest(message_digest, digest_named(md_algorithm))
            return cms.ContentInfo.load(token)

    return PdfTimeStamper()
