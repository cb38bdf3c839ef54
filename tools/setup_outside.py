"""Install the tools from outside that judge what rpmatrix writes: commands, and pages.

python tools/setup_outside.py

They go into a folder of their own, never into the project's environment: the one named in
RPMATRIX_OUTSIDE, else ``rpmatrix/outside`` in the user's cache. What is there already is left
alone, so a second run takes no time. Needs about 1.5 GB and two minutes.

azure-cli/     the Azure CLI: its own parser reads every line written for it, its own code builds
               the request
parsers/       grammars of PowerShell, Bicep and HCL; the versioned models of the Compute API
bicep-types/   the resource types of Bicep, one JSON file each, as Azure's own server tells them
               (needs npm, Linux, macOS or Windows; without them this part is left out)
spark/         Spark for Python, in the pinned version (to run it, Java is needed too)
axe-core/      rules of accessibility, as one script that judges a page in a browser (needs npm)

The tests that need a part are skipped, with this command as the reason, where it is missing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ENVIRONMENTS = {
    "azure-cli": ["azure-cli==2.91.0"],
    "parsers": [
        "azure-mgmt-compute==33.0.0",
        "pycep-parser==0.7.1",
        "python-hcl2==8.1.4",
        "tree-sitter==0.26.1",
        "tree-sitter-bicep==1.1.0",
        "tree-sitter-hcl==1.2.0",
        "tree-sitter-powershell==0.26.4",
    ],
}
TYPES_SERVER = "2.0.5"  # release of the npm packages @azure/mcp-<system>-<processor>
TYPES = [
    "Microsoft.Compute/disks",
    "Microsoft.Compute/restorePointCollections",
    "Microsoft.Compute/restorePointCollections/restorePoints",
]

# Packages that are installed as they are, in the versions of constraints.txt.
FOLDERS = {"spark": ["pyspark", "py4j"]}

# Packages of npm of which some files are taken as they are.
SCRIPTS = {"axe-core": ("axe-core@4.14.1", ["axe.min.js"])}


ROOT = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Return the folder the outside tools live in."""
    named = os.environ.get("RPMATRIX_OUTSIDE")
    if named:
        return Path(named).expanduser().resolve()
    if sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "rpmatrix" / "outside"


def python_of(name: str) -> Path:
    """Return the interpreter of one of the environments."""
    inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return folder() / name / inside


def is_ready(name: str) -> bool:
    """Whether a part is installed in the version wanted here."""
    stamp = folder() / name / "installed.json"
    return stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == _wanted(name)


def _wanted(name: str) -> list[str]:
    if name in SCRIPTS:
        return [SCRIPTS[name][0], *SCRIPTS[name][1]]
    if name in FOLDERS:
        pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        return [pin for pin in pins if pin.partition("==")[0] in FOLDERS[name]]
    return ENVIRONMENTS.get(name) or [f"{type_} {TYPES_SERVER}" for type_ in TYPES]


def _finish(name: str) -> None:
    (folder() / name / "installed.json").write_text(json.dumps(_wanted(name)), encoding="utf-8")


def install_environment(name: str) -> None:
    """Make one of the environments anew."""
    where = folder() / name
    shutil.rmtree(where, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(where)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        sys.exit(f"setup_outside.py: Python could not make {where}:\n{made.stdout}{made.stderr}")
    pip = [str(python_of(name)), "-m", "pip", "install", "--quiet"]
    # pip warns at length about folders of its own configuration; errors it prints on top of that.
    result = subprocess.run(
        [*pip, *ENVIRONMENTS[name]], capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"setup_outside.py: pip could not install {name}:\n{result.stderr}")
    _finish(name)


def install_folder(name: str) -> str | None:
    """Install packages into a folder, without what they require, or say why that cannot be done."""
    where = folder() / name
    shutil.rmtree(where, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(where)]
    result = subprocess.run([*pip, *_wanted(name)], capture_output=True, text=True, check=False)
    if result.returncode:
        return f"pip could not install it: {result.stderr.strip()}"
    _finish(name)
    return None


def install_types() -> str | None:
    """Write the Bicep types, or say why that cannot be done here."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    systems = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
    processors = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    system = systems.get(sys.platform)
    processor = processors.get(platform.machine().lower())
    if system is None or processor is None:
        return f"there is no server for {sys.platform} on {platform.machine()}"
    package = f"@azure/mcp-{system}-{processor}@{TYPES_SERVER}"
    where = folder() / "bicep-types"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run(
            [npm, "pack", package], cwd=scratch, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            return f"npm could not fetch {package}: {packed.stderr.strip()}"
        name = "azmcp.exe" if system == "win32" else "azmcp"
        server = Path(scratch) / name
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as bundle:
            content = bundle.extractfile(f"package/dist/{name}")
            if content is None:
                return f"{package} holds no server"
            with server.open("wb") as file:
                shutil.copyfileobj(content, file)
        server.chmod(0o755)
        quiet = {**os.environ, "AZURE_MCP_COLLECT_TELEMETRY": "false"}
        for type_ in TYPES:
            told = subprocess.run(
                [server, "bicepschema", "get", "--resource-type", type_],
                capture_output=True,
                text=True,
                env=quiet,
                check=False,
            )
            if told.returncode:
                return f"the server of {package} did not tell {type_}: {told.stderr.strip()}"
            types = json.loads(told.stdout)["results"]["BicepSchemaResult"]
            path = where / (type_.replace("/", ".") + ".json")
            path.write_text(json.dumps(types, indent=1), encoding="utf-8")
    _finish("bicep-types")
    return None


def install_scripts(name: str) -> str | None:
    """Take the files that are wanted out of a package of npm, or say why that cannot be done."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    package, wanted = SCRIPTS[name]
    where = folder() / name
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        packed = subprocess.run(
            [npm, "pack", package], cwd=scratch, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            return f"npm could not fetch {package}: {packed.stderr.strip()}"
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as bundle:
            for file in wanted:
                content = bundle.extractfile(f"package/{file}")
                if content is None:
                    return f"{package} holds no {file}"
                (where / file).write_bytes(content.read())
    _finish(name)
    return None


def _install(name: str) -> str | None:
    if name in FOLDERS:
        return install_folder(name)
    return install_scripts(name) if name in SCRIPTS else install_types()


def main() -> int:
    """Install what is missing and say what there is."""
    print(f"Outside tools in {folder()}")
    folder().mkdir(parents=True, exist_ok=True)
    for name in ENVIRONMENTS:
        if not is_ready(name):
            print(f"  installing {name} ...", flush=True)
            install_environment(name)
        print(f"  {name}: {', '.join(ENVIRONMENTS[name])}")
    for name in ("bicep-types", *FOLDERS, *SCRIPTS):
        if not is_ready(name):
            print(f"  fetching {name} ...", flush=True)
            problem = _install(name)
            if problem:
                print(f"  {name}: left out, because {problem}")
                continue
        print(f"  {name}: {', '.join(_wanted(name))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
