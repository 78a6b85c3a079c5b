"""Faults: what a scenario may do to the system, and how each of it is undone."""
