"""The accounts of key owners: who they are bound to, and what has been changed by whom."""
