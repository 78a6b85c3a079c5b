"""Sentences of the specification, held against the running system."""
