"""The timestamp authority's rules (RFC 3161, RFC 5816): a request in, a response out; no I/O.

The authority stamps digests, never documents; each token has a random 128-bit serial number, the policy,
an accuracy, and the request's nonce. The clock is the caller's; `check_clock` is the rule it must meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from signing.errors import ClockError
from trust.encoding.timestamp import (
    PKIFailureInfo,
    TimestampRequest,
    TimestampRequestError,
    encode_timestamp_rejection,
    encode_timestamp_response,
    encode_timestamp_token,
    parse_timestamp_request,
)
from trust.signer import Signer

SERIAL_NUMBER_BYTES: Final = 16


@dataclass(frozen=True)
class TimestampAnswer:
    """A response and what the audit log has to say of it."""

    response: bytes = field(repr=False)
    request: TimestampRequest | None = None
    serial_number: int | None = None
    failure: PKIFailureInfo | None = None
    explanation: str = ""

    @property
    def granted(self) -> bool:
        """Whether a token was issued."""
        return self.serial_number is not None


@dataclass(frozen=True)
class TimestampAuthority:
    """The authority: its key, its certificates, its policy, its accuracy."""

    signer: Signer
    certificate: bytes
    chain: tuple[bytes, ...]
    policy: str
    accuracy: timedelta

    def answer(self, data: bytes, at: datetime, random_bytes: Callable[[int], bytes]) -> TimestampAnswer:
        """Answer a TimeStampReq at a given time."""
        # 1. The request is well-formed, its digest algorithm good, it has no extensions (2.4.1).
        try:
            request = parse_timestamp_request(data)
        except TimestampRequestError as error:
            return refuse(error.failure, error.message)
        # 2. The policy asked for, if any, is ours.
        if request.policy not in (None, self.policy):
            return refuse(
                PKIFailureInfo.UNACCEPTED_POLICY, f"this authority stamps under {self.policy} only", request
            )
        # 3. A serial number never used before: positive, 128 random bits.
        serial_number = 1 << 8 * SERIAL_NUMBER_BYTES - 1 | int.from_bytes(
            random_bytes(SERIAL_NUMBER_BYTES), "big"
        )
        # 4. The token, which has the request's imprint and nonce.
        token = encode_timestamp_token(
            request,
            signer=self.signer,
            certificate=self.certificate,
            policy=self.policy,
            serial_number=serial_number,
            gen_time=at,
            accuracy=self.accuracy,
            chain=self.chain,
        )
        return TimestampAnswer(encode_timestamp_response(token), request, serial_number)


def refuse(
    failure: PKIFailureInfo, explanation: str, request: TimestampRequest | None = None
) -> TimestampAnswer:
    """A rejection with the standard's reason (2.4.2)."""
    response = encode_timestamp_rejection(failure, explanation)
    return TimestampAnswer(response, request, failure=failure, explanation=explanation)


def check_clock(at: datetime, last: datetime | None, tolerance: timedelta) -> None:
    """One rule: the clock has not stepped back behind the last token, beyond what the accuracy allows."""
    if last is not None and at < last - tolerance:
        raise ClockError(
            f"the clock stands {(last - at).total_seconds():.1f} s before the last timestamp; "
            "set it right, then timestamps are issued again"
        )
