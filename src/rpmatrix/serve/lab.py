"""Start JupyterLab on the notebooks, set up as they need it.

The settings stand in ``_jupyter/`` beside this file, a Jupyter configuration folder:

- messages of up to 256 MiB reach the server, because a file above the usual 10 MiB would vanish
  from an upload without a word;
- the announcements of JupyterLab are off: they ask a host on the internet, which a workshop room
  may not have, and a pop-up hides the page from a beginner;
- Ctrl-C stops the server without asking again;
- root may start it, because a container often has no other user. The server still answers this
  machine alone, and only with the token that it prints.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["FIRST_NOTEBOOK", "LauncherError", "lab_environment", "open_lab", "place_notebooks"]

FIRST_NOTEBOOK = "00-start-here.ipynb"
_HERE = Path(__file__).resolve().parents[1]


class LauncherError(Exception):
    """JupyterLab cannot be started; the message says what to do."""


def place_notebooks(folder: str | Path = "rpmatrix-notebooks") -> Path:
    """Return the folder with the notebooks that a person may run and edit.

    In a checkout these are the notebooks themselves. An installed package keeps its own copy out
    of the way, so the notebooks that are missing from `folder` are copied there; one that is there
    already is left as the reader made it.

    Parameters
    ----------
    folder
        Where the notebooks of an installed package go. Not used in a checkout.

    Returns
    -------
    Path
        The absolute path of the folder.

    Raises
    ------
    LauncherError
        If the package came without notebooks, or the folder cannot be written.
    """
    checkout = _HERE.parents[1] / "notebooks"
    if checkout.is_dir() and (_HERE.parents[1] / "pyproject.toml").is_file():
        return checkout
    packaged = _HERE / "_data" / "notebooks"
    if not packaged.is_dir():
        raise LauncherError(f"no notebooks in {packaged.parent}; install rpmatrix again")
    target = Path(folder).resolve()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for source in sorted(packaged.glob("*.ipynb")):
            if not (target / source.name).exists():
                shutil.copyfile(source, target / source.name)
    except OSError as error:
        raise LauncherError(
            f"cannot put the notebooks into {target} ({error.strerror}); name another folder"
        ) from error
    return target


def lab_environment() -> dict[str, str]:
    """Return the environment variables of this process with the settings of the notebooks added."""
    environment = dict(os.environ)
    paths = [str(_HERE / "_jupyter"), environment.get("JUPYTER_CONFIG_PATH", "")]
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def open_lab(
    notebook: str = FIRST_NOTEBOOK,
    *,
    folder: str | Path = "rpmatrix-notebooks",
    options: Sequence[str] = (),
) -> int:
    """Open a notebook in JupyterLab and wait until the server is stopped.

    Parameters
    ----------
    notebook
        Name of the notebook to open.
    folder
        Where the notebooks of an installed package go; see `place_notebooks`.
    options
        Options for JupyterLab itself, such as ``--no-browser`` or ``--port=8890``.

    Returns
    -------
    int
        The exit code of JupyterLab.

    Raises
    ------
    LauncherError
        If JupyterLab is not installed or there is no such notebook.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise LauncherError("JupyterLab is not installed; run: pip install 'rpmatrix[lab]'")
    notebooks = place_notebooks(folder)
    if not (notebooks / notebook).is_file():
        known = ", ".join(path.name for path in sorted(notebooks.glob("*.ipynb"))) or "none"
        raise LauncherError(f"no notebook {notebook!r} in {notebooks}; there: {known}")
    # The folder above is the root, so that a checkout shows its tables beside its notebooks.
    folder_above = f"--ServerApp.root_dir={notebooks.parent}"
    page = str(notebooks / notebook)
    command = [sys.executable, "-m", "jupyterlab", page, folder_above, *options]
    process = subprocess.Popen(command, env=lab_environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The server got the same Ctrl-C and is stopping its kernels.
            continue
