"""Plans in short, for tests: the records of VMs, their plan, and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azure import WINDOWS, Body
from cases import EXAMPLES, MATRIX
from hypothesis import HealthCheck, settings

import rpmatrix as rp
from rpmatrix.matrix.matrix import MODES, Matrix
from rpmatrix.planning.commands.operations import Operation
from rpmatrix.planning.plan import PHASES, Plan, Step, VmPlan, plan

PROPERTY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
TARGET = "northeurope"
CUSTOMER = "EncryptionAtRestWithCustomerKey"
LAYERS = [MATRIX, rp.load_matrix("public-sources"), rp.load_matrix("newer-edition")]

ULTRA = {"sku": "UltraSSD_LRS"}
COREOS = {"publisher": "CoreOS", "offer": "CoreOS", "sku": "Stable"}
FLATCAR = {"publisher": "kinvolk", "offer": "flatcar-container-linux-free", "sku": "stable"}
OLD_WINDOWS = {**WINDOWS, "sku": "2012-R2-Datacenter"}
NANO = {**WINDOWS, "sku": "2016-nano-server"}
BLOB = {"vhd": {"uri": "https://harbour.blob.core.windows.net/one.vhd"}, "managedDisk": None}
LOCAL = {"diffDiskSettings": {"option": "Local"}}
CONFIDENTIAL = {"securityProfile": {"securityType": "ConfidentialVM"}}
NO_SKU = {"managedDisk": {"storageAccountType": None}, "diskSizeGB": None}


def make(
    *records: Body,
    answers: dict[str, str] | None = None,
    strict: bool = False,
    matrix: Matrix = MATRIX,
    modes: Sequence[str] = MODES,
    **asked: Any,
) -> Plan:
    inventory = rp.read_inventory(list(records))
    found = rp.assess(inventory, matrix, modes=modes, strict=strict, answers=answers)
    return plan(found, **asked)


def only(found: Plan) -> VmPlan:
    (one,) = found.vms
    return one


def operations(found: VmPlan, phases: Sequence[str] = PHASES) -> list[Operation]:
    return [one for step in found.steps if step.phase in phases for one in step.operations]


def of_kind(found: VmPlan, kind: type[Any]) -> list[Any]:
    return [one for one in operations(found) if isinstance(one, kind)]


def step(found: VmPlan, row_id: str) -> Step:
    (one,) = (one for one in found.steps if one.id == row_id)
    return one


def ids(found: VmPlan) -> list[str]:
    return [one.id for one in found.steps]
