"""What every server process stands on: settings, database, jobs, audit, keys, fetching, web basics.

All input and output of the servers passes through here; the mathematics is in `trust/`.

Reading order: `errors` → `settings` → `clock`, `clock_watch` → `database` (`migration`, `models`) → `audit`
→ `jobs` → `keys`, `encryption` → `fetch`, `evidence/`, `revocation`, `internal` → `web/` → `relying_party`
→ `server`.
"""
