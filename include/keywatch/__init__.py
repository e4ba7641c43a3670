"""Keywatch's library: everything that is true without Airflow.

Data flows one way: `access_keys` reads IAM and makes records, `log_analytics` packs, signs and sends them,
`pipeline` runs both over staged files, `report` keeps what the pages show. `transport` and `errors` stand below.
"""
