"""The support matrix of Azure VM restore points as data, and verdicts on real VMs.

The names below are the public face. Those that need a notebook's packages, or that a verdict does
not need, are imported when they are first used: the shell answers at once without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpmatrix.eligibility.assessment import Assessment, Verdict
from rpmatrix.fleet.assess import assess
from rpmatrix.inventory.inventory import Inventory, read_inventory
from rpmatrix.matrix.matrix import Matrix, load_matrix

if TYPE_CHECKING:
    from rpmatrix.fleet.result import FleetResult, assess_files
    from rpmatrix.inventory.samples import sample_names, sample_vm
    from rpmatrix.panels.change import WhatChangedPanel
    from rpmatrix.panels.extend import OverlayPanel
    from rpmatrix.panels.fleet import FleetPanel
    from rpmatrix.panels.panels import EligibilityPanel, MatrixPanel, check_environment
    from rpmatrix.panels.plan import (
        CrossRegionPanel,
        EncryptionPanel,
        ErrorPanel,
        PlanPanel,
        SchedulePanel,
    )
    from rpmatrix.panels.workshop import ExercisePanel
    from rpmatrix.planning.permissions import Permissions, permissions
    from rpmatrix.planning.plan import Plan, plan
    from rpmatrix.workshop.answers import mark_answer
    from rpmatrix.workshop.deal import exercise

_LATE = {
    "CrossRegionPanel": "panels.plan",
    "EligibilityPanel": "panels.panels",
    "EncryptionPanel": "panels.plan",
    "ErrorPanel": "panels.plan",
    "ExercisePanel": "panels.workshop",
    "FleetPanel": "panels.fleet",
    "FleetResult": "fleet.result",
    "MatrixPanel": "panels.panels",
    "OverlayPanel": "panels.extend",
    "Permissions": "planning.permissions",
    "Plan": "planning.plan",
    "PlanPanel": "panels.plan",
    "SchedulePanel": "panels.plan",
    "WhatChangedPanel": "panels.change",
    "assess_files": "fleet.result",
    "check_environment": "panels.panels",
    "exercise": "workshop.deal",
    "mark_answer": "workshop.answers",
    "permissions": "planning.permissions",
    "plan": "planning.plan",
    "sample_names": "inventory.samples",
    "sample_vm": "inventory.samples",
}

__all__ = [
    "Assessment",
    "CrossRegionPanel",
    "EligibilityPanel",
    "EncryptionPanel",
    "ErrorPanel",
    "ExercisePanel",
    "FleetPanel",
    "FleetResult",
    "Inventory",
    "Matrix",
    "MatrixPanel",
    "OverlayPanel",
    "Permissions",
    "Plan",
    "PlanPanel",
    "SchedulePanel",
    "Verdict",
    "WhatChangedPanel",
    "assess",
    "assess_files",
    "check_environment",
    "exercise",
    "load_matrix",
    "mark_answer",
    "permissions",
    "plan",
    "read_inventory",
    "sample_names",
    "sample_vm",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(f"rpmatrix.{_LATE[name]}"), name)
    raise AttributeError(f"module 'rpmatrix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
