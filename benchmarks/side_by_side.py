"""Measures things turn by turn in one run, so that what else the machine does falls on all."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

ROUNDS = 5


def compare(
    title: str,
    contestants: Mapping[str, Callable[[], Any]],
    *,
    rounds: int = ROUNDS,
    base: str = "",
    units: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """Print the median of each contestant, and its ratio to the base.

    Parameters
    ----------
    title : str
        What is measured.
    contestants : mapping of str to callable
        What to run, by name.
    rounds : int
        How often. One more round goes before and is not counted.
    base : str
        What the others are compared with; the first if it is left out.
    units : mapping of str to int, optional
        How many VMs each goes through, if they differ: then ratios are those of a VM.

    Returns
    -------
    dict of str to float
        The median of each, in seconds (for one VM, if units are given).
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            gc.collect()
            began = time.perf_counter()
            run()
            if turn:
                times[name].append(time.perf_counter() - began)
    medians = {
        name: statistics.median(taken) / (units or {}).get(name, 1) for name, taken in times.items()
    }
    against = medians[base or next(iter(contestants))]
    scale, unit = (1e6, "us/VM") if units else (1e3, "ms")
    print(f"{title}, median of {rounds}:")
    for name, median in medians.items():
        print(f"  {name:<48} {median * scale:10,.1f} {unit}  {median / against:8.2f}")
    print(flush=True)
    return medians


def machine(*packages: str) -> str:
    """Name what was measured with."""
    named = ", ".join(f"{name} {version(name)}" for name in packages)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {load:.1f} before, {named}\n"
    )
