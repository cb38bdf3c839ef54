"""Panels for what follows from a verdict: plan, copy, encryption, schedule, and errors.

They are made like those of :mod:`rpmatrix.panels.panels`, and those about a VM take the same input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Unpack

import ipywidgets as widgets

from rpmatrix.inventory.inventory import Vm
from rpmatrix.inventory.records import region
from rpmatrix.inventory.texts import storable
from rpmatrix.matrix.matrix import MODES, Matrix, load_matrix
from rpmatrix.panels.controls import choice, text_area, wide
from rpmatrix.panels.panels import Panel, VmInput, VmPanel
from rpmatrix.planning import plan as planning
from rpmatrix.planning.commands.operations import ListDiskRestorePoints
from rpmatrix.planning.commands.write import CLIENTS, client_title
from rpmatrix.planning.copies import CLIENT, CopyAnswer, copy_of, copy_of_fleet
from rpmatrix.planning.durations import parse_duration, parse_retention
from rpmatrix.planning.encryption import EncryptionAnswer, encryption_of
from rpmatrix.planning.errors import ErrorAnswer, look_up
from rpmatrix.planning.plan import PHASES, SAFE_PHASES, Plan, Step
from rpmatrix.planning.schedule import (
    Schedule,
    ScheduleError,
    plan_schedule,
    schedule_of,
    usual_intervals,
    usual_retentions,
)
from rpmatrix.view import report
from rpmatrix.view.markup import joined

REGIONS: Final = (
    *("australiaeast", "brazilsouth", "canadacentral", "centralindia", "centralus"),
    *("eastasia", "eastus", "eastus2", "francecentral", "germanywestcentral", "japaneast"),
    *("koreacentral", "northeurope", "norwayeast", "southafricanorth", "southcentralus"),
    *("southeastasia", "swedencentral", "switzerlandnorth", "uksouth", "westeurope"),
    *("westus2", "westus3"),
)
"""Regions to offer while a name is typed; any other may be written."""


def _words(name: str, placeholder: str, offered: Sequence[str] = (), value: str = "") -> Any:
    """Make a field to write in that offers some values and takes any."""
    kind = widgets.Combobox if offered else widgets.Text
    more = {"options": tuple(offered)} if offered else {}
    return kind(value=value, placeholder=placeholder, continuous_update=False, **wide(name), **more)


def _modes(name: str, any_mode: str) -> widgets.Dropdown:
    titles = [(any_mode, ""), *((f"{mode} consistency", mode) for mode in MODES)]
    return choice(name, titles)


def _clients(clients: Iterable[str]) -> widgets.Dropdown:
    return choice("Client", [(client_title(one), one) for one in clients])


class _PlanningPanel(VmPanel):
    """A panel about one VM that asks for a plan."""

    def _planned(self, mode: str = "", target: str = "", client: str = CLIENTS[0]) -> Plan | None:
        vm = self._vm
        if vm is None:
            return None
        return planning.plan(
            self.assessment, vm.id, mode=mode or None, target_region=target, client=client
        )

    def _value(self, name: str) -> Any:
        value = self._controls[name].value
        return value.strip() if isinstance(value, str) else value


# --------------------------------------------------------------------------- plan

_SHOWN_COMMANDS: Final = (
    ("what creates, follows and copies", SAFE_PHASES),
    ("what restores", ("restore",)),
    ("what cleans up, and so deletes", ("clean_up",)),
    ("all of it", tuple(one for one in PHASES if one != "mode")),
)


class PlanPanel(_PlanningPanel):
    """Plan a restore point of a VM: both modes compared, the steps, and their commands.

    Parameters
    ----------
    sample : str, optional
        Name of a sample to plan for; the first one if no input is named.
    mode : str
        ``application`` or ``crash``; the recommended one if it is left out.
    target_region : str
        A region to copy to; empty for no copy.
    client : str
        Whose commands to show: one of ``rpmatrix.planning.commands.write.CLIENTS``.
    phases : sequence of str
        The parts of the plan whose commands are shown; others show their advice alone.
    **vm_input
        Another input, the VM, answers and the matrix; see :class:`rpmatrix.panels.panels.VmPanel`.
    """

    def __init__(
        self,
        sample: str | None = None,
        *,
        mode: str = "",
        target_region: str = "",
        client: str = CLIENTS[0],
        phases: Sequence[str] = SAFE_PHASES,
        **vm_input: Unpack[VmInput],
    ) -> None:
        unknown = [one for one in phases if one not in PHASES]
        if unknown:
            raise LookupError(f"there is no phase {unknown[0]!r}; there are {', '.join(PHASES)}")
        shown = list(_SHOWN_COMMANDS)
        if tuple(phases) not in dict(shown).values():
            shown.append((", ".join(report.phase_title(one) for one in phases), tuple(phases)))
        own = {
            "mode": _modes("Mode", "as recommended"),
            "target_region": _words("Copy to region", "no copy", REGIONS),
            "client": _clients(CLIENTS),
            "phases": choice("Commands for", shown),
        }
        start = {
            "mode": mode,
            "target_region": target_region,
            "client": client,
            "phases": tuple(phases),
        }
        super().__init__(own, start, sample, **vm_input)

    @property
    def plan(self) -> Plan | None:
        """The plan; None if the input holds no VM."""
        value = self._value
        return self._planned(value("mode"), value("target_region"), value("client"))

    @property
    def call(self) -> str:
        """The line of Python that gives the plan in the view."""
        state = self.state
        if self._empty or self._vm is None:
            return ""
        if "phases" in state:  # what a page shows of a plan is no part of the plan
            return super().call
        names = ("mode", "target_region", "client")
        more = "".join(f", {name}={self._value(name)!r}" for name in names if name in state)
        return f"rp.plan({self._assessing}, {self._name(self._vm)!r}{more})"

    def _matter(self) -> Iterable[str]:
        yield from super()._matter()
        found = self.plan
        for one in found.vms if found else ():
            yield from (question.fact_id for question in one.questions)
            for step in one.steps:
                # The steps of a copy hang on the answer about it, which has questions of its own.
                if step.applies == "unknown" and step.phase != "copy":
                    yield self.matrix.row(step.id, "steps")["fact_id"]

    def show(self, vm: Vm | None) -> str:
        """Give the plan with the commands of the client."""
        found = self.plan
        return report.plan(found, phases=self._value("phases")) if found else ""


# --------------------------------------------------------------------------- copy


class CrossRegionPanel(_PlanningPanel):
    """Ask whether and how restore points of a VM can be copied to another region.

    Parameters
    ----------
    sample : str, optional
        Name of a sample; the first one if no input is named.
    target_region : str
        Where the copy is to stand.
    client : str
        What the copy is asked for with: a value of the fact ``client``.
    mode : str
        The consistency mode of the restore points; empty if it does not matter.
    **vm_input
        Another input, the VM, answers and the matrix; see :class:`rpmatrix.panels.panels.VmPanel`.
    """

    def __init__(
        self,
        sample: str | None = None,
        *,
        target_region: str = "northeurope",
        client: str = CLIENTS[0],
        mode: str = "",
        **vm_input: Unpack[VmInput],
    ) -> None:
        matrix = vm_input.get("matrix") or load_matrix()
        own = {
            "target_region": _words("Copy to region", "northeurope", REGIONS, "northeurope"),
            "client": _clients(matrix.facts[CLIENT].allowed_values),
            "mode": _modes("Mode", "any in which it is possible"),
        }
        start = {"target_region": target_region, "client": client, "mode": mode}
        super().__init__(own, start, sample, **vm_input)

    @property
    def _request(self) -> dict[str, Any]:
        return {
            "target_region": self._value("target_region"),
            "client": self._value("client"),
            "mode": self._value("mode") or None,
        }

    @property
    def answer(self) -> CopyAnswer | None:
        """The answer; None if the input holds no VM, or no region is named."""
        vm = self._vm
        if vm is None or not self._value("target_region"):
            return None
        return copy_of(self.assessment, vm, **self._request)

    def _matter(self) -> Iterable[str]:
        found = self.answer
        yield from (question.fact_id for question in found.questions) if found else ()

    def _steps(self, found: CopyAnswer, vm: Vm) -> tuple[Step, ...]:
        """Give the steps of a copy, in order; none where there is nothing to copy."""
        target = found.target_region
        if found.answer == "not_supported" or region(target) == region(vm.location):
            return ()
        planned = self._planned(found.mode, target, found.client)
        steps = planned.vms[0].steps if planned else ()
        return tuple(step for step in steps if step.phase == "copy")

    def show(self, vm: Vm | None) -> str:
        """Give the answers for all VMs, and that of the chosen one in full."""
        found = self.answer
        if found is None or vm is None:
            return report.note("Name a region to copy to, such as northeurope.")
        several = len(self.inventory.vms) > 1
        return joined(
            report.copies(copy_of_fleet(self.assessment, **self._request)) if several else "",
            report.copy(found, self._steps(found, vm), matrix=self.matrix),
        )


# --------------------------------------------------------------------------- encryption


class EncryptionPanel(_PlanningPanel):
    """Ask what becomes of the encryption of each disk: restore point, copy, restored disk.

    Parameters
    ----------
    sample : str, optional
        Name of a sample; the first one if no input is named.
    **vm_input
        Another input, the VM, answers and the matrix; see :class:`rpmatrix.panels.panels.VmPanel`.
    """

    def __init__(self, sample: str | None = None, **vm_input: Unpack[VmInput]) -> None:
        super().__init__({}, {}, sample, **vm_input)

    @property
    def answers(self) -> tuple[EncryptionAnswer, ...]:
        """The answer for each disk of the VM."""
        vm = self._vm
        return encryption_of(self.assessment, vm) if vm else ()

    def _matter(self) -> Iterable[str]:
        for found in self.answers:
            yield from (question.fact_id for question in found.questions)

    def show(self, vm: Vm | None) -> str:
        """Give the answers, and how to find out what was reached."""
        planned = self._planned()
        steps = planned.vms[0].steps if planned else ()
        reading = [
            step
            for step in steps
            if step.phase in SAFE_PHASES
            and any(isinstance(one, ListDiskRestorePoints) for one in step.operations)
        ]
        return report.encryption(self.answers, reading, matrix=self.matrix)


# --------------------------------------------------------------------------- schedule


class SchedulePanel(VmPanel):
    """Check a schedule of restore points against the limits, for a VM or in numbers alone.

    Parameters
    ----------
    sample : str, optional
        Name of a sample; no VM if no input is named.
    application_every, crash_every : str
        The interval of each mode, such as ``4h`` or ``1 day``; empty where it is not asked for.
    crash_after : str
        How long after the application schedule the crash schedule starts; empty for at once.
    retention : str
        How long, or how many of each mode, are kept: ``30d``, ``200 points``, ``forever``.
    start : str or date
        The first day, in UTC; today if it is left out.
    existing, vms, collections : str or int
        Points that a VM has at the start, VMs that follow the schedule, and restore point
        collections of the subscription in the region, empty if not known. Without a VM only:
        otherwise the input tells, or an answer.
    **vm_input
        An input, the VM, answers and the matrix; see :class:`rpmatrix.panels.panels.VmPanel`.
    """

    def __init__(
        self,
        sample: str | None = None,
        *,
        application_every: str = "4h",
        crash_every: str = "",
        crash_after: str = "",
        retention: str = "30d",
        start: str | date | None = None,
        existing: str | int = "0",
        vms: str | int = "1",
        collections: str | int = "",
        **vm_input: Unpack[VmInput],
    ) -> None:
        matrix = vm_input.get("matrix") or load_matrix()
        application, crash = (usual_intervals(matrix, mode) for mode in ("application", "crash"))
        own = {
            "application_every": _words("Application every", "not at all", application, "4h"),
            "crash_every": _words("Crash every", "not at all", crash),
            "crash_after": _words("Crash starts later by", "nothing", ("30m", "1h", "90m")),
            "retention": _words("Kept", "for ever", usual_retentions(matrix), "30d"),
            "start": _words("First day", "2027-01-31"),
            "existing": _words("Points at the start", "not known", value="0"),
            "vms": _words("VMs", "1", value="1"),
            "collections": _words("Collections there are", "not known"),
        }
        begins = datetime.now(UTC).date() if start is None else start
        held = {
            "application_every": application_every,
            "crash_every": crash_every,
            "crash_after": crash_after,
            "retention": retention,
            "start": str(begins),
            "existing": str(existing),
            "vms": str(vms),
            "collections": str(collections),
        }
        super().__init__(own, held, sample, without_vm=True, **vm_input)

    def _written(self, name: str) -> str:
        written: str = self._controls[name].value
        return written.strip()

    def _length(self, name: str) -> timedelta | None:
        written = self._written(name)
        return parse_duration(written) if written else None

    def _number(self, name: str) -> int | None:
        written = self._written(name).replace(",", "")
        if written and not written.isdecimal():
            title = self._controls[name].description
            raise ScheduleError(f"{title}: {written!r} is no whole number; write 20, or nothing")
        return int(written) if written else None

    @property
    def schedule(self) -> Schedule:
        """The schedule as it is asked for.

        Raises
        ------
        rpmatrix.planning.schedule.ScheduleError
            If a field cannot be read, or no interval is given.
        """
        written = self._written("start")
        try:
            begins = date.fromisoformat(written)
        except ValueError:
            raise ScheduleError(f"First day: {written!r} is no day; write 2027-01-31") from None
        asked: dict[str, Any] = {
            "application_every": self._length("application_every"),
            "crash_every": self._length("crash_every"),
            "crash_after": self._length("crash_after") or timedelta(0),
            "retention": parse_retention(self._written("retention") or "forever"),
            "start": begins,
        }
        vm = self._vm
        if vm is not None:
            return schedule_of(self.assessment, vm, **asked)
        return plan_schedule(
            self.matrix,
            **asked,
            existing=self._number("existing"),
            vms=self._number("vms") or 1,
            collections=self._number("collections"),
        )

    def _update(self) -> None:
        alone = self._source[0] == "none"
        for name in ("existing", "vms", "collections"):
            self._show_control(name, alone)
        super()._update()

    def _matter(self) -> Iterable[str]:
        if self._vm is None:
            return
        for line in self.schedule.limits:
            if line.question:
                yield line.question.fact_id

    def show(self, vm: Vm | None) -> str:
        """Give the limits, the dates, the largest retention, and the chart."""
        return report.schedule(self.schedule, self.matrix)


# --------------------------------------------------------------------------- errors


class ErrorPanel(Panel):
    """Paste an error to see what it means, which row explains it, and what to do.

    Parameters
    ----------
    text : str
        A code, a message, the output of a client, or the whole JSON answer.
    matrix : Matrix, optional
        What knows the errors; the seed edition if it is left out.
    """

    def __init__(self, text: str = "", *, matrix: Matrix | None = None) -> None:
        known = matrix or load_matrix()
        controls: dict[str, widgets.Widget] = {
            "example": choice("An example", [("none", ""), *_examples(known)]),
            "text": text_area(
                "Error", "Paste the code, the message, or the whole answer.", rows=5, value=text
            ),
        }
        super().__init__(controls, matrix)
        self._watch(controls["example"], self._take_example)
        self._watch(controls["text"], self._refresh)
        self.refresh()

    def _take_example(self) -> None:
        example = self._controls["example"].value
        if example:
            self._quiet = True
            self._controls["text"].value = example
            self._quiet = False
            self._refresh()

    @property
    def text(self) -> str:
        """What was pasted."""
        return storable(self._controls["text"].value)

    @property
    def state(self) -> dict[str, Any]:
        """The keyword arguments that open the panel as it is."""
        return {"text": self.text} if self.text else {}

    @property
    def answer(self) -> ErrorAnswer:
        """What the error means."""
        return look_up(self.text, self.matrix)

    def render(self) -> str:
        """Give the HTML of the answer."""
        if not self.text.strip():
            return report.note(
                "Paste an error above, and leave the field with the Tab key; or choose an example."
            )
        return report.error_answer(self.answer, self.matrix)


def _examples(matrix: Matrix) -> list[tuple[str, str]]:
    """Make an example of each row: its first code, and the first words that it knows."""
    found = []
    for row in matrix.table("errors"):
        words = (*row.members("message_fragment"), *row.members("message_alone"))
        told = [*row.members("code")[:1], *words[:1]]
        found.append((row["meaning"], ": ".join(told)))
    return found


__all__: Sequence[str] = [
    "CrossRegionPanel",
    "EncryptionPanel",
    "ErrorPanel",
    "PlanPanel",
    "SchedulePanel",
]
