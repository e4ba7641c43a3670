"""The page of access keys in Airflow's UI: what the report store holds, for whoever may read the report's DAG."""
