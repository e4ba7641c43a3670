"""DAG azure_activity_report: a large run, backfill by Airflow's own command, and windows from the form."""
