"""A person is asked, in Airflow's servers, and keys are deactivated in AWS, or not."""
