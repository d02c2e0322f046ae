"""The judge: ETSI EN 319 102-1 signature validation, pure. Facts in, conclusions out.

Reading order: `conclusion` (words), `policy` (what is demanded), `inputs`; the building blocks of clause
5.2 in order: `format_checking`, `signing_certificate`, `validation_context`, `x509_validation`,
`cryptographic_verification`, `acceptance`; the processes: `basic` (5.3), `timestamp` (5.4), `with_time`
(5.5); `document` puts the signatures of one document together.
"""
