"""The daily report as steps over staged files: extract, transform, load, publish, verdict."""
