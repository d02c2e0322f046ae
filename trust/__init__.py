"""What every party must agree on: encodings, algorithms, paths, revocation, tokens. No I/O."""
