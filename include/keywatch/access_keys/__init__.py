"""IAM access keys: read what IAM says (`extract`), make records of it (`transform`)."""
