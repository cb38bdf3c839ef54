"""The tables, and what they mean together."""
