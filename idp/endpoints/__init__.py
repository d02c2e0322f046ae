"""The provider's addresses.

Raw WSGI, ahead of Flask, for what programs call (`documents`, `token`, `userinfo`, on `wsgi`); Flask views
for what browsers visit (`authorize`, `logout`; the login pages are in `login/`).
"""
