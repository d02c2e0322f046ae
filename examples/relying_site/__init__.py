"""A demonstration relying site: city login through Authlib, in a page of Python.

`site.py` is what an agency copies: register a client, redirect to the provider, read the answer, log out.
It imports nothing of Tongxing.
"""
