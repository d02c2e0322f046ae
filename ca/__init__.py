"""Certificate authority: registration, issuance and certificate status."""
