"""Tests of keywatch.credentials."""
