"""Registration authority (process `ra`): who may have a certificate, and the desk where officers work.

Read in this order: `settings` → `register` (persons, enterprises and what they are called in a
certificate) → `application` (the states an application goes through) → `models` → `gateway` (how the
issuing process is reached) → `service` → `web`. This process holds no CA key.
"""
