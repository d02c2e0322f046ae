"""Reports: what the judge concluded, told to people and programs. `sentences` (zh, en), `simple` (JSON, text)."""
