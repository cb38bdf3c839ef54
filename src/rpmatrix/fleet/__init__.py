"""Inventories of any size; NumPy and Arrow are used here only."""
