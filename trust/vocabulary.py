"""Object identifiers of X.509 extensions, key purposes and access methods (RFC 5280, RFC 6960)."""

from __future__ import annotations

from typing import Final


class ExtensionOID:
    """Extensions of certificates, CRLs, CRL entries and OCSP messages."""

    SUBJECT_DIRECTORY_ATTRIBUTES: Final = "2.5.29.9"
    SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
    KEY_USAGE: Final = "2.5.29.15"
    SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
    ISSUER_ALTERNATIVE_NAME: Final = "2.5.29.18"
    BASIC_CONSTRAINTS: Final = "2.5.29.19"
    CRL_NUMBER: Final = "2.5.29.20"
    REASON_CODE: Final = "2.5.29.21"
    INVALIDITY_DATE: Final = "2.5.29.24"
    DELTA_CRL_INDICATOR: Final = "2.5.29.27"
    ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"
    CERTIFICATE_ISSUER: Final = "2.5.29.29"
    NAME_CONSTRAINTS: Final = "2.5.29.30"
    CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
    CERTIFICATE_POLICIES: Final = "2.5.29.32"
    POLICY_MAPPINGS: Final = "2.5.29.33"
    AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
    POLICY_CONSTRAINTS: Final = "2.5.29.36"
    EXTENDED_KEY_USAGE: Final = "2.5.29.37"
    FRESHEST_CRL: Final = "2.5.29.46"
    INHIBIT_ANY_POLICY: Final = "2.5.29.54"
    EXPIRED_CERTS_ON_CRL: Final = "2.5.29.60"
    AUTHORITY_INFORMATION_ACCESS: Final = "1.3.6.1.5.5.7.1.1"
    OCSP_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
    OCSP_ARCHIVE_CUTOFF: Final = "1.3.6.1.5.5.7.48.1.6"
    OCSP_NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"


class ExtendedKeyUsage:
    """Key purposes (RFC 5280 4.2.1.12, RFC 9336)."""

    ANY: Final = "2.5.29.37.0"
    SERVER_AUTHENTICATION: Final = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTHENTICATION: Final = "1.3.6.1.5.5.7.3.2"
    EMAIL_PROTECTION: Final = "1.3.6.1.5.5.7.3.4"
    TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"
    OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"
    DOCUMENT_SIGNING: Final = "1.3.6.1.5.5.7.3.36"


class AccessMethod:
    """What an authority information access points to (RFC 5280 4.2.2.1)."""

    OCSP: Final = "1.3.6.1.5.5.7.48.1"
    CA_ISSUERS: Final = "1.3.6.1.5.5.7.48.2"


ANY_POLICY: Final = "2.5.29.32.0"
POLICY_QUALIFIER_CPS: Final = "1.3.6.1.5.5.7.2.1"
POLICY_QUALIFIER_USER_NOTICE: Final = "1.3.6.1.5.5.7.2.2"
# An otherName: a mail address beyond ASCII (RFC 9598 3).
SMTP_UTF8_MAILBOX: Final = "1.3.6.1.5.5.7.8.9"
