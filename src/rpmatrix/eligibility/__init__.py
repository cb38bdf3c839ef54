"""Rules applied to facts: verdicts."""
