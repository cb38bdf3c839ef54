"""Run the commands of rpmatrix with ``python -m rpmatrix``."""

import sys

from rpmatrix.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
