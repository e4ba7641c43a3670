"""Acting on an approval."""
