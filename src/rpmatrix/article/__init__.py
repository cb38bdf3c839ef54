"""Editions of the article: read, compared, paired."""
