"""The fault matrix: every way to break the delivery of a report, and what becomes of it."""
