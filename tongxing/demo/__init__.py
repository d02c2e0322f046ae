"""The demonstration: the town's three flows played without a person, each step told in a line.

Nothing is simulated but the person: the pages, the services and the card agent are the town's own.
Reading order: `narration`, `browser`, then the flows in their order: `issuance`, `login`, `filing`.
"""
