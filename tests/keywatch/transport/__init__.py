"""Tests of `keywatch.transport`."""
