"""Issuing an authorization code."""

from __future__ import annotations

from datetime import datetime, timedelta

from idp.authorization.request import AuthorizationRequest
from idp.client import Client, digest_secret
from idp.models import CodeRecord
from idp.provider import Provider, new_secret
from idp.service.audit_actions import Action, person, site
from idp.service.sessions import touch_session
from idp.session import LoginSession


def issue_code(
    provider: Provider, request: AuthorizationRequest, client: Client, session: LoginSession, at: datetime
) -> str:
    """Grant a request: store the code with all it is bound to, and write who told what to whom."""
    code = new_secret()
    with provider.database.session() as database_session:
        database_session.add(
            CodeRecord(
                code_digest=digest_secret(code),
                client_id=client.client_id,
                redirect_uri=request.redirect_uri,
                code_challenge=request.code_challenge,
                nonce=request.nonce,
                scopes=" ".join(request.scopes),
                sub=provider.subject_of(session.end_user.person_id, client),
                session_id=session.session_id,
                acr=session.acr,
                amr=" ".join(session.amr),
                auth_time=session.auth_time,
                expires_at=at + timedelta(seconds=provider.settings.code_seconds),
            )
        )
        touch_session(database_session, session, at)
        provider.audit.append(
            database_session,
            at=at,
            actor=person(session.end_user.person_id),
            action=Action.AUTHORIZATION_GRANTED,
            subject=site(client.client_id),
            details={"scopes": list(request.scopes), "session": session.session_id},
        )
    return code
