"""Alembic's side of the store: how each schema is made of the one before it."""
