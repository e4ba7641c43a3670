"""Thirty runs in one Airflow, one after another and with faults: nothing grows."""
