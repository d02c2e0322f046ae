"""Signature formats: one module a format, each extracts evidence and creates signatures in two steps.

`limits` says what is refused unread; `pdf_reading`, `pdf` (PAdES); `cms` (CAdES, detached).
"""
