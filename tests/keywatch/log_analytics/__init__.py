"""Tests of `keywatch.log_analytics`."""
