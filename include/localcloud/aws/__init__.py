"""AWS on loopback: IAM, STS, Organizations, IAM Roles Anywhere and S3, in front of moto."""
