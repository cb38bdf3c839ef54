"""Tables of facts read in bulk."""
