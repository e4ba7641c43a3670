"""Airflow itself, from the outside: its command line, its REST API, its processes."""
