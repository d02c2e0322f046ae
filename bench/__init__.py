"""Measurements: each one our rate beside a peer's or a physical limit's, taken in the same run.

`make bench` runs all, `make bench ARGS=ocsp` one. Machines are shared and noisy, so absolute figures
drift; the ratio is what is quoted, as the median over alternating rounds (A B A B …).
"""
