"""Tests of the DAG files: what they declare, and that reading them costs nothing."""
