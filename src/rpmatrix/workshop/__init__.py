"""Exercises: cards, answers, dealing."""
