"""Machines that are called VMs in Azure and of which there are no restore points."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from rpmatrix.matrix.schema import SEPARATOR, data_folder


class UncoveredVm(NamedTuple):
    """A kind of VM that is not covered: a row of ``uncovered_vms``.

    Attributes
    ----------
    title : str
        The kind in a few words.
    remedy : str
        What to do instead.
    """

    title: str
    remedy: str


def uncovered_vm(resource_type: str) -> UncoveredVm | None:
    """Find the kind of VM that a resource type is, if it is one that is not covered."""
    return _kinds().get(resource_type.strip().lower())


@lru_cache(maxsize=1)
def _kinds() -> Mapping[str, UncoveredVm]:
    try:
        with (data_folder() / "uncovered_vms.csv").open(encoding="utf-8", newline="") as file:
            return {
                kind.lower(): UncoveredVm(row["title"], row["remedy"])
                for row in csv.DictReader(file)
                for kind in row["resource_types"].split(SEPARATOR)
            }
    except FileNotFoundError:  # records are read without the tables, too
        return {}
