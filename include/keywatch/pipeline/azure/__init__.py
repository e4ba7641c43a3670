"""The steps of a run over Azure's subscriptions, free of Airflow: read, load, publish, verdict."""
