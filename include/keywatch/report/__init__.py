"""What the pages show of the latest reports."""
