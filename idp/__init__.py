"""OpenID Provider: one authentication, one-network access.

Logs citizens, enterprises and officers in by card and tells relying sites who they are. Standards: OpenID
Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0; RFC 6749 and 6750 (OAuth 2.0), 7636 (PKCE), 7523
(private_key_jwt), 9207 (`iss` in responses), 9700 (security practice), 8176 (`amr`); card tokens in the
format of Web eID.

Reading order: `errors`, `vocabulary`, `settings`; the nouns `client`, `claims`, `session`, `tokens`,
`discovery`; the authorization request as an ordered table of checks, `authorization/`; `models`; the verbs,
`service/`; `login/` (the card); `endpoints/`; `web`, `cli`.
"""
