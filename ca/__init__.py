"""Certificate authority: registration (process `ra`), issuing (`ca`), certificate status (`va`).

Standards: RFC 5280 (certificates, CRLs), RFC 2986 (certification requests), RFC 5652 (approvals are CMS),
RFC 6960 and 9654 (OCSP), GB 11643 and GB 32100 (who is who).

Reading order: `errors` → `settings` → `profiles` → `certification_request` → `issuance` (build, sign,
compare) → `linting` → `independent` (OpenSSL's opinion) → `officers` → `approval` → `models` → `context` →
`preparation` → `standing` → `publication` (CRLs) → `inventory` → `service` →
`ceremony_plan` → `ceremony` → `web` → `cli`; then `registration/` and `status/`, each in the same order.

A card is issued in these steps:

1. `RegistrationService.apply`: the applicant is checked against the registers (`Register.check_claim`).
2. `CardPersonaliser.certification_requests`: keys are made on the card, which signs two requests.
3. `PreparationService.prepare`: possession, key strength, name and profile are checked; serial number and
   validity are fixed; what will be signed is linted and stored with its approval statement.
4. A second officer's card signs the statement: on the desk's page or by `tongxing ca approve`.
5. `CertificateAuthority.issue`: `verify_approval`, `officer_by_certificate`, not the requester, digests as
   stored; `redeem`, once; the intent is on record.
6. `sign_prepared` compares; `verify_certificate` of `independent` asks OpenSSL; stored, told to the status
   feed, on record.
7. `CardPersonaliser.write_certificates`: the card gets its certificates.

What an assembly calls:

- `ca.ceremony.initialise(plan, settings, root_passphrase=, personaliser=, register_officer=, at=)` holds the
  first ceremony; `ca.ceremony.describe(plan, settings)` is its dry run. The personaliser is a
  `ca.personalization.CardPersonaliser`: the authority never talks to a card itself.
- `ca.registration.service.RegistrationService`: add persons and enterprises, apply, submit, complete.
- `ca.service.CertificateAuthority.open(settings)`: prepare, issue, `.standing`, `.publisher`, `.inventory`.
- `create_app(settings)`, `create_internal_app(settings)` and `jobs(settings)` in `ca.web`,
  `ca.registration.web` and `ca.status.web`.
- `ca.cli.cli`: the command group `tongxing ca`.
"""
