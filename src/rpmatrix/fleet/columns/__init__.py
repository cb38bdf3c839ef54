"""Rules evaluated on columns."""
