"""The command that says whether restore points can be copied to another region."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

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
    count,
    few,
    judged,
    labels_of,
    listed,
    no_id,
    output,
    place_of,
    print_foot,
    print_json,
    print_problems,
    print_questions,
    titled,
    word,
)
from rpmatrix.eligibility.applicability import Disagreement
from rpmatrix.eligibility.assessment import Assessment, Question
from rpmatrix.inventory.inventory import Vm
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.planning.commands.write import CLIENTS
from rpmatrix.planning.copies import CopyAnswer, CopyLine, FleetCopy, copy_of

# How a copy looks: as a verdict does.
_LOOK_OF_ANSWER: Final = {"supported_with_caveat": "supported"}


def deciding(copy: CopyAnswer) -> list[Question]:
    """Give the questions that the answer about a copy waits for."""
    reasons = set(copy.reasons)
    return [one for one in copy.questions if reasons & set(one.rows)] or list(copy.questions)


def vms_of(result: Assessment, ids: Iterable[str]) -> list[Vm]:
    """Give the VMs that are asked about, in the order of the input."""
    wanted = set(ids)
    return [vm for vm in result.inventory.vms if vm.id in wanted]


def copy_in_words(copy: CopyAnswer) -> str:
    """Tell the answer about a copy in one line."""
    rows = f" [{', '.join(copy.reasons)}]" if copy.answer in ("not_supported", "unknown") else ""
    return f"copy to {copy.target_region}: {word(copy.answer)}{rows}"


def run_copy(arguments: argparse.Namespace) -> int:
    """Say whether restore points can be copied."""
    result = judged(arguments, mode=arguments.mode)
    found = FleetCopy(
        arguments.target_region,
        arguments.client,
        tuple(
            copy_of(
                result,
                vm,
                target_region=arguments.target_region,
                client=arguments.client,
                mode=arguments.mode,
                api_version=arguments.api_version,
            )
            for vm in chosen_vms(result.inventory, arguments.vm)
        ),
    )
    with output(arguments.output) as stream:
        if arguments.json:
            whole = result.to_dict()
            print_json(
                {
                    "matrix": whole["matrix"],
                    "copies": found.to_dict(),
                    "problems": whole["problems"],
                    "counts": whole["counts"],
                },
                stream,
            )
        else:
            _print_copies(Page(stream), result, found)
    return FINE


def _print_copies(page: Page, result: Assessment, found: FleetCopy) -> None:
    matrix, labels = result.matrix, labels_of(result)
    answers = found.answers
    if len(answers) == 1:
        (answer,) = answers
        _print_copy_heading(page, answer, f"{labels[answer.vm_id]}: copy")
        if answer.answer in ("not_supported", "unknown"):
            for row_id in answer.reasons:
                page.line(titled(matrix, row_id), indent=2)
    else:
        _print_fleet_copy(page, matrix, found, labels)
    gathered: dict[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]] = {}
    for answer in answers:
        for line in answer.lines:
            gathered.setdefault((line.topic, line.applies, *line.rows), []).append((answer, line))
    topic = ""
    for (name, *_), members in gathered.items() if len(answers) == 1 else _by_topic(gathered):
        if name != topic:
            topic = name
            page.heading(word(topic).replace("-", " ").capitalize())
        _print_copy_line(page, members, labels, of=len(answers))
    _print_left_out(page, answers, labels)
    print_questions(
        page,
        matrix,
        [
            (labels[one.vm_id] if len(answers) > 1 else "", question)
            for one in answers
            for question in (deciding(one) if one.answer == "unknown" else one.questions)
        ],
        of=vms_of(result, (one.vm_id for one in answers)),
    )
    print_disagreements(page, (one for answer in answers for one in answer.disagreements))
    print_problems(page, result.inventory)
    page.blank()
    print_foot(page, matrix)


def _by_topic(
    gathered: Mapping[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]],
) -> list[tuple[tuple[str, ...], list[tuple[CopyAnswer, CopyLine]]]]:
    """Bring the lines of several VMs into the order of topics in which they came first."""
    order = list(dict.fromkeys(key[0] for key in gathered))
    return sorted(gathered.items(), key=lambda item: order.index(item[0][0]))


def _print_copy_heading(page: Page, copy: CopyAnswer, text: str) -> None:
    source = copy.source_region or "a region that the input does not show"
    page.verdict_line(
        f"{text} from {source} to {copy.target_region}: ",
        _LOOK_OF_ANSWER.get(copy.answer, copy.answer),
        word(copy.answer),
    )


def _print_fleet_copy(
    page: Page, matrix: Matrix, found: FleetCopy, labels: Mapping[str, str]
) -> None:
    rows = []
    for one in found.answers:
        decisive = one.reasons if one.answer in ("not_supported", "unknown") else ()
        rows.append(
            (
                page.text(labels[one.vm_id], style="bold"),
                page.text(one.source_region or "not known"),
                page.verdict(_LOOK_OF_ANSWER.get(one.answer, one.answer), word(one.answer)),
                page.text(*(titled(matrix, row) for row in decisive)),
            )
        )
    page.table(("VM", "From", f"Copy to {found.target_region}", "Because of"), rows, keep=3)
    page.blank()
    told = [f"{number} {word(name)}" for name, number in found.counts.items() if number]
    page.prose(f"{count(len(found.answers), 'VM')}: {', '.join(told)}")
    for label, rows_ in (("blocked by", found.blocking), ("left open by", found.open)):
        for row_id, number in rows_.items():
            page.prose(f"{label} {titled(matrix, row_id)}: {count(number, 'VM')}", indent=2)


def _print_copy_line(
    page: Page,
    members: Sequence[tuple[CopyAnswer, CopyLine]],
    labels: Mapping[str, str] | None = None,
    *,
    of: int = 1,
) -> None:
    """Print a rule once for the VMs that it is about, of so many; of one VM, name the disks."""
    _, line = members[0]
    perhaps = "" if line.applies == "yes" else "Perhaps: "
    page.prose(cited(f"{perhaps}{line.text}", line.rows), indent=2)
    if line.remedy:
        page.prose(cited(line.remedy, line.rows[:1]), indent=4)
    about = list(line.disks) if of == 1 else []
    if labels and len(members) < of:
        about = [labels[answer.vm_id] for answer, _ in members]
    concerned = f"{few(about)}; " if about else ""
    page.prose(f"{concerned}from: {line.source}", indent=4, style="dim")


def _print_left_out(page: Page, answers: Sequence[CopyAnswer], labels: Mapping[str, str]) -> None:
    if not any(one.left_out for one in answers):
        return
    page.heading("Disks that are in no restore point, and so in no copy")
    for one in listed(page, (one for one in answers if one.left_out)):
        for disk in one.left_out:
            where = f"{labels[one.vm_id]}, {place_of(disk)}"
            page.line(cited(f"{where}  {disk.id or no_id(disk)}", disk.rows), indent=2)


def print_copy_in_short(page: Page, matrix: Matrix, copy: CopyAnswer) -> None:
    """Print of a copy what the steps of the plan do not say."""
    page.blank()
    _print_copy_heading(page, copy, "Copy")
    if copy.answer in ("not_supported", "unknown"):
        for line in copy.lines:
            if line.rows[0] in copy.reasons:
                _print_copy_line(page, [(copy, line)])
    for line in copy.losses if copy.answer != "not_supported" else ():
        page.prose(cited(line.text, line.rows), indent=2)
    region = copy.target_region
    page.prose(f"Every rule of it: rpmatrix copy --target-region {region}", indent=2, style="dim")


def print_disagreements(page: Page, found: Iterable[Disagreement]) -> None:
    """Print where sources differ, both readings, each once."""
    every = list(dict.fromkeys(found))
    if not every:
        return
    page.heading("Where the sources differ")
    for one in every:
        page.line(f"{one.id}: {one.topic}", indent=2, style="bold")
        for name, text, rows in (
            ("a", one.reading_a, one.rows_a),
            ("b", one.reading_b, one.rows_b),
        ):
            taken = " (taken)" if one.adopted == name else ""
            sources = rows or ((one.source_b,) if name == "b" else ())
            page.prose(cited(f"{name}{taken}: {text}", sources), indent=4)
        page.prose(cited(f"{one.policy}: {one.reason}", [one.id]), indent=4)


# --- what it takes --------------------------------------------------------------------------------


def add_client(
    parser: argparse.ArgumentParser, clients: Sequence[str] | None, *, default: str | None
) -> None:
    """Add the client: one of some, or whatever the matrix knows; needed without a default."""
    parser.add_argument(
        "--client",
        choices=clients,
        default=default,
        required=default is None,
        metavar="CLIENT",
        help=f"write for {', '.join(clients)}" + (f" (default: {default})" if default else "")
        if clients
        else f"what the copy is asked for with (default: {default})",
    )


def _copy_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    parser.add_argument(
        "--target-region", metavar="REGION", required=True, help="where the copy is to stand"
    )
    add_client(parser, None, default=CLIENTS[0])
    parser.add_argument(
        "--api-version", metavar="DATE", help="API version of the request, such as 2023-03-01"
    )
    add_vms(parser)
    add_judging(parser, mode="copies of this consistency mode (default: of whichever is possible)")
    add_json(parser)
    add_output(parser)


SUBCOMMANDS: Final = {
    "copy": Subcommand(
        _copy_arguments,
        run_copy,
        """\
  rpmatrix copy vm.json disks.json --target-region northeurope
  rpmatrix copy exports/ --target-region northeurope --client portal
  rpmatrix copy exports/ --target-region northeurope --json""",
        """
Prints every rule of copying that applies or might, who says it, what a copy
loses, and for several VMs how many can be copied.""",
    ),
}
