"""Tests of `keywatch.azure_resources`, against the local cloud's Resource Manager."""
