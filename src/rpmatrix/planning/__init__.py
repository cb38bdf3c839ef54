"""What to do: schedules, encryption, copies, errors, steps."""
