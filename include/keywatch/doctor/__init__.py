"""Find out, step by step, why a connection does not work: what is wrong, at which step, and what to do.

model (steps and results) -> run (order, time, causes) -> report (for people and for tickets); network, certificate,
destination and aws make the steps.
"""
