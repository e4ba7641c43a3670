"""The web app: key owners sign in, see their keys, and change who is responsible for them."""
