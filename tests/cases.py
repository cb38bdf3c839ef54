"""What may be known of a VM: cases for Hypothesis, as the oracle and the package see them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from azure import disk_id, vm_id
from hypothesis import strategies as st
from oracle import Case, Known, KnownDisk

import rpmatrix as rp
from rpmatrix.inventory.facts import DiskFacts, VmFacts
from rpmatrix.inventory.inventory import Disk, Vm
from rpmatrix.inventory.readings import Reading

# RPMATRIX_EXAMPLES=100000 looks longer.
EXAMPLES = int(os.environ.get("RPMATRIX_EXAMPLES", "150"))
MATRIX = rp.load_matrix()

# Values under which nothing rules it out; the cases below depart from them.
CLEAN: dict[str, str | int] = {
    "azure_disk_encryption": "no",
    "ephemeral": "no",
    "from_trusted_launch_os_disk": "no",
    "disk_sku": "Premium_LRS",
    "max_shares": 1,
    "operating_system": "ubuntu",
    "os_architecture": "64-bit",
    "os_family": "Linux",
    "proxy_without_python": "no",
    "scale_set_orchestration": "none",
    "security_type": "Standard",
    "storage": "managed",
}
# The same, but for what would be assumed if nobody told.
UNANSWERED = {name: value for name, value in CLEAN.items() if not MATRIX.facts[name].assumption}


def values_of(fact_id: str) -> list[str | int]:
    """Give the values worth trying for a fact: all allowed, or those that conditions compare."""
    fact = MATRIX.facts[fact_id]
    if fact.allowed_values:
        return list(fact.allowed_values)
    cells = [row for row in MATRIX.table("conditions") if row["fact_id"] == fact_id]
    texts = dict.fromkeys(value for row in cells for value in row.members("value"))
    if fact.type == "integer":
        return sorted({number for text in texts for number in (int(text) - 1, int(text), 5)})
    return [*texts, "anything else"]


def known(fact_id: str) -> st.SearchStrategy[Known]:
    values = values_of(fact_id)
    return st.one_of(
        st.sampled_from(values).map(Known),
        st.just(Known()),
        st.just(Known(shown=True)),
        st.lists(st.sampled_from(values), min_size=2, max_size=3, unique=True).map(
            lambda several: Known(shown=True, options=tuple(several))
        ),
    )


def facts_of_grain(grain: str) -> list[str]:
    return [fact.id for fact in MATRIX.facts.values() if fact.grain == grain]


@st.composite
def facts(draw: Callable[[Any], Any], grain: str) -> Mapping[str, Known]:
    """Draw what is known: usually clean but for a few facts, now and then anything."""
    names = facts_of_grain(grain)
    if draw(st.integers(0, 9)) == 0:
        return {name: draw(known(name)) for name in names}
    changed = draw(st.lists(st.sampled_from(names), max_size=4, unique=True))
    usual = CLEAN if draw(st.booleans()) else UNANSWERED
    return {
        name: draw(known(name)) if name in changed else Known(usual.get(name)) for name in names
    }


@st.composite
def cases(draw: Callable[[Any], Any]) -> Case:
    roles = draw(st.sampled_from([(), ("os",), ("os", "data"), ("data",), ("os", *["data"] * 3)]))
    return Case(draw(facts("vm")), tuple(KnownDisk(role, draw(facts("disk"))) for role in roles))


def readings(known_facts: Mapping[str, Known]) -> dict[str, Reading]:
    return {
        name: Reading(
            one.value,
            "unknown" if one.value is None else "read",
            why="shown, of no use" if one.shown else "",
            options=one.options,
        )
        for name, one in known_facts.items()
    }


def vm_facts(case: Case, name: str = "vm-case") -> VmFacts:
    disks = tuple(
        Disk(one.role, disk_id(f"disk-{number}"), f"disk-{number}", number, True, (), ())
        for number, one in enumerate(case.disks)
    )
    made = Vm(vm_id(name), vm_id(name).lower(), name, "rg", "sub", "westeurope", (), disks, {})
    told = tuple(
        DiskFacts(one, readings(found.facts)) for one, found in zip(disks, case.disks, strict=True)
    )
    return VmFacts(made, readings(case.facts), told)
