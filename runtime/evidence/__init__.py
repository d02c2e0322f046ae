"""Revocation evidence and issuers' certificates over HTTP, from where certificates point (RFC 5280).

Reading order: `policy` (how fresh, how often, how far) → `backoff` (what failed waits) → `download` (one
resource, conditionally) → `ocsp`, `crl`, `issuers` (one kind of evidence each). `runtime.revocation` brings
them together; `runtime.cache` keeps what was fetched and fetches it once however many ask.
"""
