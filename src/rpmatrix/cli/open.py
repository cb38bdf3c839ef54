"""The commands that show notebooks and panels in a browser: lab, app and site."""

from __future__ import annotations

import argparse
from typing import Final

from rpmatrix.cli.shell import FINE, Subcommand, UsageError
from rpmatrix.serve.app import FIRST_PAGE, app_pages, open_app
from rpmatrix.serve.lab import LauncherError
from rpmatrix.serve.site import SiteError, build_site, fetch_downloads


def _app_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "page",
        nargs="?",
        default=FIRST_PAGE,
        metavar="PAGE",
        help="the page to start with; wrong names are answered with the right ones",
    )
    parser.add_argument("--port", type=int, default=0, help="the port; any free one if left out")
    parser.add_argument("--no-browser", action="store_true", help="only tell the address")


def run_app(arguments: argparse.Namespace) -> int:
    """Serve the panels as pages until Ctrl-C."""
    slugs = [one.slug for one in app_pages()]
    if arguments.page not in slugs:
        raise UsageError(f"there is no page {arguments.page!r}; choose one of {', '.join(slugs)}")
    try:
        return open_app(
            arguments.page,
            port=arguments.port,
            open_browser=not arguments.no_browser,
            options=arguments.rest,
        )
    except LauncherError as error:
        raise UsageError(str(error)) from None


def _site_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", metavar="BUILD_DIR", help="an empty folder, or a new one"
    )
    parser.add_argument(
        "--downloads",
        metavar="FOLDER",
        help="keep what is downloaded here (default: in your cache); alone, only download",
    )


def run_site(arguments: argparse.Namespace) -> int:
    """Build the static site, or fetch what that needs."""
    if not arguments.folder and not arguments.downloads:
        raise UsageError("name the folder to build in: rpmatrix site BUILD_DIR")
    try:
        if arguments.folder:
            build_site(arguments.folder, downloads=arguments.downloads)
        else:
            fetch_downloads(arguments.downloads)
    except SiteError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        where = error.filename or arguments.folder or arguments.downloads
        raise UsageError(f"cannot write {str(where)!r}: {error.strerror or error}") from None
    return FINE


def run_lab(arguments: argparse.Namespace) -> int:
    """Open JupyterLab."""
    from rpmatrix.serve.lab import FIRST_NOTEBOOK, open_lab

    folder = {"folder": arguments.folder} if arguments.folder else {}
    try:
        return open_lab(arguments.notebook or FIRST_NOTEBOOK, options=arguments.rest, **folder)
    except LauncherError as error:
        raise UsageError(str(error)) from error


def _lab_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", metavar="NAME", help="the notebook to open first")
    parser.add_argument(
        "--folder",
        metavar="FOLDER",
        help="where an installed package puts its notebooks (default: rpmatrix-notebooks)",
    )


SUBCOMMANDS: Final = {
    "lab": Subcommand(
        _lab_arguments,
        run_lab,
        """\
  rpmatrix lab
  rpmatrix lab --notebook 02-check-a-vm.ipynb --no-browser""",
        """
Options that are not listed here go to JupyterLab.""",
        takes_rest=True,
    ),
    "site": Subcommand(
        _site_arguments,
        run_site,
        """\
  rpmatrix site build/
  python -m http.server --directory build/
  rpmatrix site --downloads carried/           (only downloads)
  rpmatrix site build/ --downloads carried/    (needs no network then)""",
        """
Any web server can serve it; whoever opens it needs nothing installed.""",
    ),
    "app": Subcommand(
        _app_arguments,
        run_app,
        """\
  rpmatrix app
  rpmatrix app check-a-vm --port 8899 --no-browser""",
        """
Serves this machine alone, behind a token. Options that are not listed here
go to Voila.""",
        takes_rest=True,
    ),
}
