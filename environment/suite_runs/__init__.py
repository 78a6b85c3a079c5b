"""Runs of the suite that another process starts and judges: many in a row, or side by side."""
