"""Airflow on several machines, played by processes that share nothing but object storage (`make test-cluster`)."""
