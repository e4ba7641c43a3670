"""Tokens: which are accepted."""
