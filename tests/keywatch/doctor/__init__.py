"""Tests of `keywatch.doctor`."""
