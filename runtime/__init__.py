"""What every server process stands on: settings, database, jobs, audit, keys, fetching, web basics."""
