"""Azure's records read in bulk."""
