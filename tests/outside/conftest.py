"""Keep the drivers out of collection: they import packages of environments of their own."""

collect_ignore_glob = ["*_driver.py"]
