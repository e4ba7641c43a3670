"""Tests of `keywatch.pipeline`."""
