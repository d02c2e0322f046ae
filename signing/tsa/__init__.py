"""The timestamp authority's process: its tables and its verb. Its rules are in `signing.timestamp`."""
