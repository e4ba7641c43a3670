"""The report store: the latest state of every key, how each account's reading ended, and what the page shows."""
