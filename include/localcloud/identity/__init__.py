"""The identity providers that the portal signs people in with, and the gateway before the portal itself."""
