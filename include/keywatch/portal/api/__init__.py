"""The web API: what an access token lets a key owner read and change."""
