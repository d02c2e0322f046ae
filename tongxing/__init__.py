"""The assembly: the command `tongxing`, the supervisor and the demonstration town.

Imports every package and is imported by none; what the services may not know of one another (a card as
a signer, the whole town's settings) is put together here.

Read in this order: errors, layout, settings, services (the table of processes), serving (one process),
supervisor (all of them), town (the first run), demo, archive (backup and restore), cli.
"""
