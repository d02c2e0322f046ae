"""OpenID Provider: one authentication, one-network access."""
