"""What is deployed to Azure, on what a run of the report has delivered: queries, alerts, roles."""
