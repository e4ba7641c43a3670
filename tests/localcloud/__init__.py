"""Tests of the local cloud, over real sockets and real TLS."""
