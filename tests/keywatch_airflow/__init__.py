"""Tests of the Airflow plugin, in this process."""
