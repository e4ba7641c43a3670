"""What Azure itself says of its resources and of what was done to them, read page by page from Resource Manager."""
