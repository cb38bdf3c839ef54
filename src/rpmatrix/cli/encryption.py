"""The command that says what becomes of the encryption of each disk."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rpmatrix.cli.copies import print_disagreements, vms_of
from rpmatrix.cli.shell import (
    FINE,
    Page,
    Subcommand,
    add_json,
    add_judging,
    add_output,
    add_paths,
    add_vms,
    chosen_vms,
    cited,
    few,
    judged,
    labels_of,
    output,
    print_foot,
    print_json,
    print_problems,
    print_questions,
)
from rpmatrix.eligibility.assessment import Assessment
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.encryption import EncryptionAnswer, EncryptionLine, encryption_of

# What the stages are called, in the order in which they happen.
_STAGES: Final = {
    "impossible": "no restore point can be created",
    "left_out": "left out of the restore point",
    "source": "now",
    "prerequisites": "must be in place",
    "local": "restore point",
    "local_chosen": "restore point, if its request names the encryption",
    "copied": "copy in another region",
    "copied_chosen": "copy, if its request names the encryption",
    "restored": "restored disk",
    "restored_chosen": "restored disk, if its request names the encryption",
}


_IN_SHORT: Final = ("impossible", "source", "prerequisites", "local", "copied", "restored")


def run_encryption(arguments: argparse.Namespace) -> int:
    """Say what becomes of the encryption of every disk."""
    result = judged(arguments, mode=arguments.mode)
    chosen = chosen_vms(result.inventory, arguments.vm)
    answers = [one for vm in chosen for one in encryption_of(result, vm)]
    with output(arguments.output) as stream:
        if arguments.json:
            whole = result.to_dict()
            print_json(
                {
                    "matrix": whole["matrix"],
                    "disks": [one.to_dict() for one in answers],
                    "problems": whole["problems"],
                    "counts": whole["counts"],
                },
                stream,
            )
        else:
            _print_encryption(Page(stream), result, answers, several=len(chosen) > 1)
    return FINE


def _print_encryption(
    page: Page, result: Assessment, answers: Sequence[EncryptionAnswer], *, several: bool
) -> None:
    labels = labels_of(result)
    if not answers:
        page.line("no disk is listed in the input")
    for place, (disks, shown) in enumerate(_alike(answers, tuple(_STAGES))):
        if place:
            page.blank()
        names = [f"{labels[one.vm_id]}: {one.disk}" if several else one.disk for one in disks]
        page.line(few(names), style="bold")
        page.prose(_source_told(disks[0]), indent=2)
        if disks[0].encryption_set_id:
            page.line(disks[0].encryption_set_id, indent=2)
        for stage, lines in shown.items():
            page.label(_stage(stage, disks[0]))
            for line in lines:
                _print_encryption_line(page, result.matrix, line)
        for one in disks:
            for found in one.found:
                copied = "copy " if found.is_copy else ""
                there = found.type or "not shown"
                page.label(f"found in {copied}{found.restore_point or found.disk_restore_point}")
                page.prose(f"{one.disk}: {there}", indent=4)
                if found.encryption_set_id:
                    page.line(found.encryption_set_id, indent=6)
    print_questions(
        page,
        result.matrix,
        [(labels[one.vm_id] if several else "", q) for one in answers for q in one.questions],
        of=vms_of(result, (one.vm_id for one in answers)),
    )
    print_disagreements(page, (one for answer in answers for one in answer.disagreements))
    print_problems(page, result.inventory)
    page.blank()
    print_foot(page, result.matrix)


def _alike(
    answers: Iterable[EncryptionAnswer], stages: Sequence[str]
) -> list[tuple[list[EncryptionAnswer], dict[str, tuple[EncryptionLine, ...]]]]:
    """Put the disks together of which the same is to be said."""
    found: dict[Any, tuple[list[EncryptionAnswer], dict[str, tuple[EncryptionLine, ...]]]] = {}
    for one in answers:
        shown = {name: one.stages[name] for name in stages if one.stages[name]}
        mark = (one.type, one.customer_key, one.encryption_set_id, one.region, *shown.items())
        found.setdefault(mark, ([], shown))[0].append(one)
    return list(found.values())


def _source_told(answer: EncryptionAnswer) -> str:
    kind = answer.type or "kind of encryption not known"
    key = {"yes": "customer-managed key", "no": "no customer-managed key"}
    return f"{kind}, {key.get(answer.customer_key or '', 'key not known')}"


def _stage(name: str, answer: EncryptionAnswer) -> str:
    if name == "left_out" and answer.left_out_in:
        return f"{_STAGES[name]}, {' and '.join(answer.left_out_in)} consistency"
    return _STAGES[name]


def _print_encryption_line(page: Page, matrix: Matrix, line: EncryptionLine) -> None:
    perhaps = ""
    if line.applies != "yes":
        told = {row for row in line.rows if matrix.table_of(row) == "scenarios"} or line.rows
        perhaps = f"If {' or '.join(row for row in line.rows if row in told)} applies: "
    page.prose(cited(f"{perhaps}{line.text}", line.rows), indent=4)
    if line.remedy:
        page.prose(cited(line.remedy, line.rows[:1]), indent=6)
    page.prose(f"from: {line.source}", indent=6, style="dim")


def print_keys(page: Page, answers: Iterable[EncryptionAnswer], *, mode: str, copied: bool) -> None:
    """Print in short what becomes of the encryption of disks in restore points of a mode."""
    kept = [one for one in answers if mode not in one.left_out_in]
    if not kept:
        return
    page.heading("Encryption")
    stages = [name for name in _IN_SHORT if copied or name != "copied"]
    for disks, shown in _alike(kept, stages):
        page.line(few([one.disk for one in disks]), indent=2)
        entries = []
        for stage, lines in shown.items():
            # What holds for every disk whatever its key is left to the command of its own.
            sure = [line for line in lines if line.applies == "yes" and len(line.rows) > 1]
            for place, line in enumerate(sure):
                entries.append((_STAGES[stage] if place == 0 else "", cited(line.text, line.rows)))
        page.entries(entries, indent=4)
        if any(line.applies != "yes" for lines in shown.values() for line in lines):
            page.prose("Its key is not known, and much depends on that.", indent=4)
    rulings = dict.fromkeys(one.id for answer in kept for one in answer.disagreements)
    told = f"; the sources differ: rpmatrix show {' '.join(rulings)}" if rulings else ""
    page.prose(f"In full: rpmatrix encryption{told}", indent=2, style="dim")


# --- what it takes --------------------------------------------------------------------------------


def _encryption_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    add_vms(parser)
    add_judging(parser, mode="restore points of this consistency mode (default: of both)")
    add_json(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "encryption": Subcommand(
        _encryption_arguments,
        run_encryption,
        """\
  rpmatrix encryption vm.json disks.json
  rpmatrix encryption exports/ --vm vm-1 --json""",
        """
For each disk: now, in the restore point, in its copy and after a restore;
what must be in place; both readings where the sources differ.""",
    ),
}
