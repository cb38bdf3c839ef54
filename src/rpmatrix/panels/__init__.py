"""Panels for notebooks and the app; ipywidgets is used here only."""
