"""Reports: what the judge concluded, for people and programs: `sentences` (zh, en), `simple` (JSON)."""
