"""The web app of the portal."""
