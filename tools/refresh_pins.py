"""Write the pins: the versions that were tested, for every system and Python, without addresses.

python tools/refresh_pins.py            newest versions that the bounds in pyproject.toml allow
python tools/refresh_pins.py --check    tell whether the two places agree, change nothing

The pins stand in two places because two tools read them: `constraints.txt` for pip, and
`tool.uv.constraint-dependencies` in pyproject.toml for `uv run`. This writes both from one answer
of uv, whose own lock file would carry the addresses of a registry.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "# --- pins: written by tools/refresh_pins.py, the same as constraints.txt ---"
BLOCK = re.compile(re.escape(BEGIN) + r".*?^\]\n", flags=re.DOTALL | re.MULTILINE)
HEADER = "# Versions that were tested together; written by tools/refresh_pins.py.\n"


def pins_for_pip(root: Path = ROOT) -> list[str]:
    """Return the requirement lines of constraints.txt."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pins_for_uv(root: Path = ROOT) -> list[str]:
    """Return the constraints in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project.get("tool", {}).get("uv", {}).get("constraint-dependencies", []))


def resolve(pyproject: str) -> list[str]:
    """Ask uv for one set of versions that serves every extra on every system."""
    uv = ["uv"] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    with tempfile.TemporaryDirectory() as folder:
        # The old pins are taken out, or they would constrain the new ones.
        source = Path(folder) / "pyproject.toml"
        source.write_text(BLOCK.sub("", pyproject), encoding="utf-8")
        command = [*uv, "pip", "compile", "--quiet", "--universal", "--all-extras"]
        command += ["--python-version=3.11", "--no-header", "--no-annotate", str(source)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    return [line for line in answer.stdout.splitlines() if line and not line.startswith("#")]


def write(root: Path = ROOT) -> None:
    """Resolve again and write both places."""
    path = root / "pyproject.toml"
    pyproject = path.read_text(encoding="utf-8")
    pins = resolve(pyproject)
    quoted = "".join(f'  "{pin}",\n' for pin in pins)
    block = f"{BEGIN}\n\n[tool.uv]\nconstraint-dependencies = [\n{quoted}]\n"
    kept = BLOCK.sub("", pyproject).rstrip("\n")
    path.write_text(f"{kept}\n\n{block}", encoding="utf-8", newline="\n")
    text = HEADER + "".join(pin + "\n" for pin in pins)
    (root / "constraints.txt").write_text(text, encoding="utf-8", newline="\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the two places only")
    if not parser.parse_args().check:
        write()
    elif pins_for_pip() != pins_for_uv():
        print("constraints.txt and pyproject.toml differ; run: python tools/refresh_pins.py")
        return 1
    print(f"{len(pins_for_pip())} pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
