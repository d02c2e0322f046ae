"""The authentication request (OIDC Core 3.1.2), from parameters to a decision.

`parameters` reads what came; `table` runs the checks, one small file each, in the order of OIDC Core 3.1.2.2;
`request` is what they leave: a request that may be answered; `decision` says whether the session in hand
satisfies it; `response` is the answer to the site.
"""
