"""Certificate status for the world (process `va`): OCSP (RFC 6960), CRLs and CA certificates over HTTP.

Read in this order: `settings` → `responder` (an OCSP answer from facts, pure) → `models` → `service`
(follows the issuing process's feed with a durable cursor) → `ocsp` and `crl` (raw WSGI hot paths) → `web`.
This process holds the OCSP responder's key and no CA key; when it has not heard from the issuing process
for too long it says "try later" and not "good".
"""
