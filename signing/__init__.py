"""Electronic signatures on online submissions: signing, validation, timestamps, filings."""
