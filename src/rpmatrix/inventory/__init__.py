"""Azure's records in all their shapes, joined; facts with their evidence."""
