"""What every party must agree on: encodings, algorithms, paths, revocation, tokens. No I/O.

Standards: RFC 5280 (certificates and CRLs), RFC 6960 (OCSP), RFC 3161 and RFC 5816 (timestamps),
RFC 5652 and RFC 5035 (signed messages), RFC 2986 (certification requests), GB 11643 and GB 32100
(identifiers), GB/T 32905 and GB/T 32918 (SM3 and SM2).  Everything here takes its inputs, and the
time, as arguments.

Reading order: `errors`, `vocabulary`, `status`, `signer`, `encoding.der`; then the nouns `names`,
`subjects`, `identifiers`, `profile_policy`; the writers `encoding.general_names`, `.extensions`,
`.subordinate_extensions`, `.certificate`, `.request`, `.crl`, `.ocsp`, `.cms`, `.timestamp`; keys
and the readers `sm2` (`libcrypto`, `sm2_self_test`), `public_key`, `digest`, `pss`, `algorithms`,
`general_names`, `name_constraints`, `extensions`, `certificate`; then validation: `report`,
`validation_inputs`, `budget`, `path`, `path_builder`, `path_run`, `path_steps`, `policy`, `constraints`,
`subtrees`, `conformance`, and the status of a certificate: `revocation`, `revocation_evidence`,
`revocation_check`, `crl`, `crl_entries`, `crl_check`, `crl_status`, `ocsp`, `ocsp_response`; and the messages
made of them: `signed_attributes`, `cms`, `approval`, `timestamp`, `card_token`; `report_form` writes reports
out.
"""
