"""The key owners' portal: accounts, tokens, the API and the web app."""
