"""The support matrix of Azure VM restore points as data, and verdicts on real VMs.

The names below are the public face. Those that need a notebook's packages, or that a verdict does
not need, are imported when they are first used: the shell answers at once without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rpmatrix.assessing import assess
from rpmatrix.eligibility import Assessment, Verdict
from rpmatrix.inventory import Inventory, read_inventory
from rpmatrix.matrix import Matrix, load_matrix

if TYPE_CHECKING:
    from rpmatrix.access_control import Permissions, permissions
    from rpmatrix.exercise_answers import mark_answer
    from rpmatrix.exercises import exercise
    from rpmatrix.fleet import FleetResult, assess_files
    from rpmatrix.panels import EligibilityPanel, MatrixPanel, check_environment
    from rpmatrix.panels_change import WhatChangedPanel
    from rpmatrix.panels_extend import OverlayPanel
    from rpmatrix.panels_fleet import FleetPanel
    from rpmatrix.panels_plan import (
        CrossRegionPanel,
        EncryptionPanel,
        ErrorPanel,
        PlanPanel,
        SchedulePanel,
    )
    from rpmatrix.planning import Plan, plan
    from rpmatrix.samples import sample_names, sample_vm
    from rpmatrix.workshop_panel import ExercisePanel

_LATE = {
    "CrossRegionPanel": "panels_plan",
    "EligibilityPanel": "panels",
    "EncryptionPanel": "panels_plan",
    "ErrorPanel": "panels_plan",
    "ExercisePanel": "workshop_panel",
    "FleetPanel": "panels_fleet",
    "FleetResult": "fleet",
    "MatrixPanel": "panels",
    "OverlayPanel": "panels_extend",
    "Permissions": "access_control",
    "Plan": "planning",
    "PlanPanel": "panels_plan",
    "SchedulePanel": "panels_plan",
    "WhatChangedPanel": "panels_change",
    "assess_files": "fleet",
    "check_environment": "panels",
    "exercise": "exercises",
    "mark_answer": "exercise_answers",
    "permissions": "access_control",
    "plan": "planning",
    "sample_names": "samples",
    "sample_vm": "samples",
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
