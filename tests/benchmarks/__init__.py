"""Benchmarks: `make bench` measures, prints one table and keeps the same in `.cache/bench.json`."""
