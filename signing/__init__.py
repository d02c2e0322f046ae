"""Makes and judges electronic signatures on what is filed online; timestamps, receipts, filings.

Standards: PAdES (ETSI EN 319 142-1), CAdES (EN 319 122-1), CMS (RFC 5652), time-stamp protocol
(RFC 3161, RFC 5816), signature validation (ETSI EN 319 102-1).

Facts, judge and reports are strictly apart. Read in this order: `errors`, `settings`, `indication`
(the standard's words), `evidence` (facts, frozen), `formats/` (extract and create), `judge/` (pure),
`reports/` (what a clerk reads), `receipt`, `timestamp` and `tsa/` (the timestamp authority),
`timestamp_client`, `filing/` (what people file), `web`, `tsa_web`, `cli`.
"""
