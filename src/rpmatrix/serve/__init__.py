"""JupyterLab, the app and the static site."""
