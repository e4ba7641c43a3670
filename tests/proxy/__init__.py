"""A real proxy that inspects TLS, mitmproxy, between Keywatch and the local cloud."""
