"""Credentials without secrets: a certificate and its private key, wherever that is, sign for a token.

source (pem, exported, hsm) -> rotation -> assertion -> token
"""
