"""Tests of `keywatch.trace`."""
