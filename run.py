"""Set up this checkout and start it, with nothing but Python and pip.

python run.py lab               JupyterLab opens on the first notebook
python run.py test              every check of the project runs
python run.py assess vm.json    ... and any other command of rpmatrix

uv makes the environment, in .venv beside this file, with the versions pinned in pyproject.toml.
A uv that is already installed is used; otherwise pip puts one into .uv beside this file, so that
nothing outside this folder changes. One line without shell operators is the same in bash, zsh,
PowerShell and cmd.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OWN_UV = ROOT / ".uv"
# The cells of a notebook build on each other, so each file stays with one of the processes.
EVERY_TEST = ("--numprocesses=logical", "--maxprocesses=4", "--dist=loadfile")


def uv():
    """Return the start of a command line that runs uv, and bring uv first if there is none."""
    if shutil.which("uv"):
        return ["uv"]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    names = ("bin/uv", "bin/uv.exe", "Scripts/uv.exe")
    if not any((OWN_UV / name).is_file() for name in names):
        print("Bringing uv, which makes the environment ...", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore"]
        if subprocess.call([*pip, "--upgrade", "--target", str(OWN_UV), "uv"]):
            sys.exit(
                "run.py: pip could not install uv; what pip printed above says why.\n"
                "If pip itself is missing, 'python -m ensurepip' brings it."
            )
    return [str(OWN_UV / name) for name in names if (OWN_UV / name).is_file()][:1]


def run(command, **options):
    """Run a command to its end; a Ctrl-C is for the command, which decides when it is done."""
    process = subprocess.Popen(command, **options)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def main(arguments):
    """Run one command in the project's environment and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    # The interpreter that runs this file is the one the user chose, so uv never fetches another.
    start = [*uv(), "run", "--project", str(ROOT), "--python", sys.executable]
    # An activated environment of another project is not this project's, and uv would say so.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if arguments[0] == "test":
        return run([*start, "pytest", *(arguments[1:] or EVERY_TEST)], cwd=ROOT, env=environment)
    start.append("--no-default-groups")
    if arguments[0] in ("app", "lab", "site"):
        start.append(f"--extra={arguments[0]}")
    return run([*start, "rpmatrix", *arguments], env=environment)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(
            "run.py: rpmatrix needs Python 3.11 or newer, and this is Python "
            + ".".join(map(str, sys.version_info[:3]))
            + ".\nStart run.py with a newer one, for example: python3.12 run.py lab"
        )
    sys.exit(main(sys.argv[1:]))
