"""The report store."""
