"""The analyst's desk: drafts of overlays, workbooks, impact."""
