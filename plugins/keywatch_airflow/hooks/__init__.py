"""Hooks: each turns one connection into a library object."""
