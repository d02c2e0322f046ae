"""How the registration process reaches the issuing one: over HTTP in production, directly on one machine."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ca.errors import AuthorityUnavailableError, CaError
from ca.officers import OfficerRole, OfficerView
from ca.preparation import CertificateOrder, PreparationView
from ca.service import CertificateAuthority, IssuedView
from runtime.errors import RuntimeServiceError
from runtime.internal import InternalClient, RemoteProblemError


class AuthorityGateway(Protocol):
    """What registration asks of the issuing process."""

    def prepare(
        self, application_id: str, requester: str, orders: Sequence[CertificateOrder], *, at: datetime
    ) -> PreparationView:
        """Have certificates prepared."""
        ...

    def issue(self, preparation_id: str, approval: bytes, *, at: datetime) -> IssuedView:
        """Have an approved preparation issued."""
        ...

    def issued(self, preparation_id: str) -> IssuedView | None:
        """What was issued for a preparation, if the answer to `issue` was lost."""
        ...

    def officers(self) -> Sequence[OfficerView]:
        """The officers the issuing process knows."""
        ...


@dataclass(frozen=True)
class DirectGateway:
    """The issuing process is this one: the command line on the authority's own machine."""

    authority: CertificateAuthority

    def prepare(
        self, application_id: str, requester: str, orders: Sequence[CertificateOrder], *, at: datetime
    ) -> PreparationView:
        """Have certificates prepared."""
        return self.authority.prepare(application_id, requester, orders, at=at)

    def issue(self, preparation_id: str, approval: bytes, *, at: datetime) -> IssuedView:
        """Have an approved preparation issued."""
        return self.authority.issue(preparation_id, approval, at=at)

    def issued(self, preparation_id: str) -> IssuedView | None:
        """What was issued for a preparation."""
        return self.authority.issued(preparation_id)

    def officers(self) -> Sequence[OfficerView]:
        """The officers the issuing process knows."""
        return self.authority.officers()


@dataclass(frozen=True)
class HttpGateway:
    """The issuing process over mutual TLS; its refusals come back as the errors they were."""

    client: InternalClient

    def prepare(
        self,
        application_id: str,
        requester: str,
        orders: Sequence[CertificateOrder],
        *,
        at: datetime,  # noqa: ARG002
    ) -> PreparationView:
        """Have certificates prepared; the issuing process uses its own clock."""
        answer = self._post(
            "/internal/prepare",
            {
                "application_id": application_id,
                "requester": requester,
                "certificates": [_encode_order(order) for order in orders],
            },
        )
        return PreparationView(
            answer["preparation_id"],
            base64.b64decode(answer["statement"]),
            tuple(base64.b64decode(each) for each in answer["tbs"]),
            datetime.fromisoformat(answer["expires_at"]),
        )

    def issue(self, preparation_id: str, approval: bytes, *, at: datetime) -> IssuedView:  # noqa: ARG002
        """Have an approved preparation issued; the issuing process uses its own clock."""
        answer = self._post(
            "/internal/issue",
            {"preparation_id": preparation_id, "approval": base64.b64encode(approval).decode("ascii")},
        )
        return _read_issued(answer)

    def issued(self, preparation_id: str) -> IssuedView | None:
        """What was issued for a preparation."""
        answer = self._get(f"/internal/preparations/{preparation_id}")
        return _read_issued(answer) if answer["certificates"] else None

    def officers(self) -> Sequence[OfficerView]:
        """The officers the issuing process knows."""
        answer = self._get("/internal/officers")
        return [
            OfficerView(
                each["fingerprint"],
                each["authentication_fingerprint"],
                each["subject_number"],
                each["name"],
                frozenset(OfficerRole(role) for role in each["roles"]),
                each["active"],
            )
            for each in answer["officers"]
        ]

    def _get(self, path: str) -> Any:
        """Get and translate what comes back."""
        try:
            return self.client.get_json(path)
        except RuntimeServiceError as error:
            raise _translated(error) from error

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Post and translate what comes back."""
        try:
            return self.client.post_json(path, body)
        except RuntimeServiceError as error:
            raise _translated(error) from error


def _read_issued(answer: Mapping[str, Any]) -> IssuedView:
    """Certificates and chain from JSON."""
    return IssuedView(
        tuple(base64.b64decode(each) for each in answer["certificates"]),
        tuple(base64.b64decode(each) for each in answer["chain"]),
    )


def _encode_order(order: CertificateOrder) -> dict[str, Any]:
    """An order as JSON."""
    return {
        "profile": order.profile,
        "request": base64.b64encode(order.request).decode("ascii"),
        "subject": {
            "name": order.subject.name,
            "subject_number": order.subject.subject_number,
            "enterprise_name": order.subject.enterprise_name,
            "uscc": order.subject.uscc,
        },
    }


def _translated(error: RuntimeServiceError) -> CaError:
    """The issuing process's refusal as its own error; everything else as: it did not answer."""
    if isinstance(error, RemoteProblemError) and error.status < 500:
        return CaError(str(error), code=error.code)
    return AuthorityUnavailableError(str(error), code=error.code)
