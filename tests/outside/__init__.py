"""Helpers that let tools from outside the project judge the commands it writes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
SETUP = HERE.parents[1] / "tools" / "setup_outside.py"
HOW_TO = "run 'python tools/setup_outside.py' to install it"


def _setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_outside", SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Driver:
    """A long-lived process in one of the outside environments: one question, one answer."""

    def __init__(self, environment: str, script: str) -> None:
        self._process = subprocess.Popen(
            [str(_setup().python_of(environment)), "-u", str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver ended with {self._process.wait()} at {question}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def missing(environment: str) -> str | None:
    """Say why an outside tool cannot be used, or nothing if it can."""
    if _setup().is_ready(environment):
        return None
    return f"{environment} is not installed outside the project: {HOW_TO}"


def bicep_types(resource_type: str) -> list[dict[str, Any]]:
    """Return the Bicep types of a resource type: itself first, then what it refers to."""
    path = _setup().folder() / "bicep-types" / (resource_type.replace("/", ".") + ".json")
    types: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return types
