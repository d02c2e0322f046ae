"""Keys on PKCS#11 tokens (OASIS PKCS #11 2.40): an HSM in production, SoftHSM in tests.

Read in this order: `module.py` (the library, its lock, its sessions), `pin.py`, `objects.py` (a key found and
its public half read), `signer.py` (the `trust.signer.Signer`), `generation.py` (a key made on the token).
"""
