"""Writers of the objects an authority signs, on one small DER layer.

`der` first; then `certificate` (RFC 5280 4), `request` (RFC 2986), `crl` (RFC 5280 5),
`ocsp` (RFC 6960), `cms` (RFC 5652), `timestamp` (RFC 3161).
The bytes equal those of `cryptography`'s builders.
"""
