"""The key owners' portal: a web app, and the web API behind it. Each is a process and an origin of its own.

settings -> provider -> tokens -> accounts -> api | web
"""
