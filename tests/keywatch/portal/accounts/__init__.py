"""Tests of the accounts of key owners."""
