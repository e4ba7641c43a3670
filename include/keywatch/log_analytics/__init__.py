"""Log Analytics: pack records into chunks, sign them, send them, and keep a receipt of each."""
