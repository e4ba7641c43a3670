"""What plugs into Airflow: connections in, library objects out."""
