"""Tests of `keywatch.access_keys`."""
