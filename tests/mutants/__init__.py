"""Mutants: sabotages of the product, each with the scenarios that must turn red."""
