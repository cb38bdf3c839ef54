"""The commands that follow from a verdict: what to run, where, how often, under which key."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import azure
import pytest
from azure import collection, disk_id, restore_point, vm_id
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from terminal import (
    ESCAPE,
    HOSTILE,
    ROOT,
    Answer,
    Run,
    barred_vm,
    open_vm,
    run_process,
    save,
    sure_vm,
    ultra_vm,
)
from terminal import on_terminal as on_terminal
from terminal import run as run

import rpmatrix as rp
from rpmatrix.cli import main as cli
from rpmatrix.cli.plan import SHOWN_PLANS, WRITTEN_PHASES
from rpmatrix.inventory.inventory import Vm
from rpmatrix.inventory.samples import sample_names, sample_vm
from rpmatrix.matrix.matrix import MODES
from rpmatrix.planning.commands.write import CLIENTS, write
from rpmatrix.planning.copies import copy_of
from rpmatrix.planning.encryption import encryption_of
from rpmatrix.planning.errors import look_up
from rpmatrix.planning.plan import PHASES, SAFE_PHASES, Plan, plan
from rpmatrix.planning.schedule import plan_schedule

MATRIX = rp.load_matrix()
REGION = "northeurope"
HOUR = timedelta(hours=1)
RESTORING = ("restore", "clean_up")


@cache
def assessed(sample: str) -> rp.Assessment:
    return rp.assess(rp.read_inventory(sample_vm(sample)), MATRIX)


def flat(text: str) -> str:
    """Undo the line breaks of a page."""
    return " ".join(text.split())


def said(text: str, rows: Sequence[str]) -> str:
    """Give a sentence with its rows, as a page prints it."""
    return flat(f"{text} [{', '.join(rows)}]")


# --- the JSON contract ------------------------------------------------------------------------

# Commands whose JSON is documented, with all that they may hold, and the heading of their part.
DOCUMENTED: dict[str, tuple[str, list[list[str]]]] = {
    "plan": (
        "### `rpmatrix plan",
        [
            ["vms.json", "--json", "--phase", "all", "--mode", "crash", "--client", "rest"],
            ["key.json", "--json", "--target-region", REGION, "--every", "4h"],
        ],
    ),
    "commands": ("### `rpmatrix commands", [["vms.json", "--json", "--client", "rest"]]),
    "schedule": (
        "### `rpmatrix schedule",
        [
            ["--json", "--application-every", "4h", "--crash-every", "1h", "--retention", "9d"],
            ["vms.json", "--json", "--application-every", "4h"],
        ],
    ),
    "copy": (
        "### `rpmatrix copy",
        [[name, "--json", "--target-region", REGION] for name in ("vms.json", "key.json")],
    ),
    "encryption": (
        "### `rpmatrix encryption",
        [["vms.json", "--json"], ["key.json", "--json"], ["point.json", "--json"]],
    ),
    "error": (
        "### `rpmatrix error",
        [["--json", "OperationNotAllowed"], ["--json", "the VSS writers are bad"]],
    ),
    "permissions": ("### `rpmatrix permissions", [["--json", "--for", "create,delete"]]),
}
# Objects whose keys are data: rows, names of the service's own request.
FREE = ("blocking", "open", "query", "body", "role")


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name not in FREE:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def part_of(text: str, heading: str) -> str:
    """Give the part of a document under a heading, and what stands before the first such one."""
    before, _, after = text.partition(heading)
    return before.partition("### `rpmatrix plan")[0] + after.partition("\n### ")[0]


@pytest.fixture
def inputs(run: Run) -> None:
    point = restore_point("vm-sure", sourceMetadata=KEPT)
    aset = azure.resource_id("Microsoft.Compute/availabilitySets", "set-one")
    save([sure_vm(availabilitySet={"id": aset}), ultra_vm(), barred_vm(), open_vm()], "vms.json")
    save(sample_vm("customer-key"), "key.json")
    save([sure_vm(), collection("vm-sure", [point])], "point.json")


KEPT = {
    "storageProfile": {
        "osDisk": {
            "managedDisk": {"id": disk_id("vm-sure-os")},
            "diskRestorePoint": {
                "id": azure.resource_id(
                    "Microsoft.Compute/restorePointCollections/restorePoints/diskRestorePoints",
                    *("rpc-vm-sure", "rp-1", "vm-sure-os_1"),
                ),
                "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
            },
        }
    }
}


@pytest.mark.parametrize("command", DOCUMENTED)
def test_every_key_of_the_json_is_documented(run: Run, inputs: None, command: str) -> None:
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    heading, calls = DOCUMENTED[command]
    assert heading in text
    part = part_of(text, heading)
    if command == "commands":
        part += part_of(text, "### `rpmatrix plan")
    if command == "plan":
        for other in ("schedule", "copy", "encryption", "permissions"):
            part += part_of(text, f"### `rpmatrix {other}")
    found: dict[str, None] = {}
    for call in calls:
        answer = run(command, *call)
        assert answer.code == 0, answer.err
        assert answer.out.isascii()
        found |= dict.fromkeys(keys(json.loads(answer.out)))
    assert [name for name in found if f"`{name}`" not in part] == []


def test_the_documented_keys_are_met(run: Run, inputs: None) -> None:
    """The example inputs show the rarer parts too, so that the test above looks at all keys."""
    met = {
        name
        for command, (_, calls) in DOCUMENTED.items()
        for call in calls
        for name in keys(json.loads(run(command, *call).out))
    }
    assert {"evidence", "why", "disagreements", "changes", "members", "collision"} <= met
    assert {"left_out", "nearness", "headroom", "api_version", "certain"} <= met


VMS = st.lists(st.sampled_from(sample_names()), min_size=1, max_size=2, unique=True)


@given(
    samples=VMS,
    mode=st.sampled_from([None, *MODES]),
    client=st.sampled_from(CLIENTS),
    target=st.sampled_from(["", REGION]),
    phases=st.sampled_from([None, "all", "restore", "clean-up,create"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_json_of_a_plan_says_what_the_function_says(
    run: Run, samples: list[str], mode: str | None, client: str, target: str, phases: str | None
) -> None:
    records = [record for name in samples for record in sample_vm(name)]
    options = ["--client", client]
    options += ["--mode", mode] if mode else []
    options += ["--target-region", target] if target else []
    options += ["--phase", phases] if phases else []
    answer = run("plan", save(records), "--json", *options)
    assert answer.code == 0, answer.err
    result = rp.assess(rp.read_inventory(Path("vm.json")), MATRIX)
    expected = plan(result, mode=mode, target_region=target, client=client)
    chosen = {
        None: SAFE_PHASES,
        "all": PHASES,
        "restore": ("restore",),
        "clean-up,create": ("create", "clean_up"),
    }[phases]
    found = json.loads(answer.out)
    assert (found["target_region"], found["client"]) == (target, client)
    assert len(found["vms"]) == len(expected.vms)
    for told, one in zip(found["vms"], expected.vms, strict=True):
        assert told["verdict"] == one.verdict.to_dict()
        assert (told["mode"], told["comparison"]["recommended"]) == (
            one.mode,
            one.comparison.recommended,
        )
        steps = [step for step in one.steps if step.phase in chosen]
        assert [(step["id"], step["number"], step["blocked"]) for step in told["steps"]] == [
            (step.id, step.number, step.blocked) for step in steps
        ]
        assert [command["text"] for step in told["steps"] for command in step["commands"]] == [
            write(operation, client).text for step in steps for operation in step.operations
        ]
        assert told["copy"] == (one.copy and one.copy.to_dict())
        assert told["encryption"] == [answer.to_dict() for answer in one.encryption]


# --- the page of a plan -----------------------------------------------------------------------


def indented(text: str, indent: str) -> str:
    """Give a command as a page has it."""
    return "\n".join(f"{indent}{line}".rstrip() for line in text.split("\n"))


def planned(sample: str, **options: Any) -> Plan:
    return plan(assessed(sample), **options)


@pytest.mark.parametrize("sample", sample_names())
def test_every_advice_of_a_plan_stands_with_its_rows(run: Run, sample: str) -> None:
    save(sample_vm(sample))
    asked = ("--every", "6h", "--retention", "30d", "--phase", "all")
    page = flat(run("plan", "vm.json", "--target-region", REGION, *asked).out)
    for one in planned(sample, target_region=REGION, every=6 * HOUR, retention=30 * 24 * HOUR).vms:
        for step in one.steps:
            assert said(f"{step.number}. {step.title}", step.rows) in page
            assert flat(step.advice) in page
            assert flat(step.blocked) in page
            for operation in step.operations:
                assert flat(write(operation, "azure_cli").text) in page
        for line in one.comparison.lines:
            assert said(f"{line.mode}: {line.meaning}", line.rows[:1]) in page
        for lost in one.not_saved:
            assert said(lost.why, lost.rows) in page
        for set_of_changes in one.what_if:
            for change in set_of_changes.changes:
                on = f" ({', '.join(change.disks)})" if change.disks else ""
                assert said(f"{change.title}{on}", change.rows) + f" {flat(change.how)}" in page
        assert one.copy is not None
        decides = one.copy.answer in ("not_supported", "unknown")
        for line in one.copy.lines:
            if decides and line.rows[0] in one.copy.reasons:
                assert said(line.text, line.rows) in page
                assert not line.remedy or said(line.remedy, line.rows[:1]) in page
        for limit in one.schedule.limits if one.schedule else ():
            assert said(limit.title, limit.rows) in page
            assert limit.state != "exceeded" or said(limit.remedy, limit.rows[:1]) in page
        for row in one.comparison.rows:
            assert f"[{row}]" in page


@pytest.mark.parametrize("width", [20, 60, 80, 140])
@pytest.mark.parametrize("client", CLIENTS)
def test_the_commands_of_a_page_are_whole(run: Run, width: int, client: str) -> None:
    save(sample_vm("sql-with-ultra-data-disk"))
    lines = run("plan", "vm.json", "--mode", "crash", "--client", client, width=width).out
    texts = planned("sql-with-ultra-data-disk", mode="crash").commands(client)
    for text in (command.text for command in texts if command.possible):
        assert indented(text, " " * 7) in lines


def test_a_plan_shows_both_modes_and_which_to_take(run: Run) -> None:
    text = run("plan", save(ultra_vm())).out
    assert re.search(r"^application, recommended +✓ supported +no restriction", text, re.MULTILINE)
    assert re.search(
        r"^crash +◐ exclude disks +exclude lun 3: .*\[ultra-disk\]", text, re.MULTILINE
    )
    other = run("plan", "vm.json", "--mode", "crash").out
    assert re.search(r"^crash, planned +◐ exclude disks", other, re.MULTILINE)
    assert f"--exclude-disks {disk_id('disk-ultra')}" in other
    assert f"--exclude-disks {disk_id('disk-ultra')}" not in text


def test_an_unknown_verdict_is_settled_first_and_nothing_is_created(run: Run) -> None:
    text = run("plan", save(open_vm()), "--mode", "crash").out
    assert "at best supported, at worst exclude disks" in text
    assert "1. Settle what is missing first [step-settle" in text
    assert "--name disk-dark" in text
    assert "restore-point create" not in text


def test_a_vm_that_is_not_supported_gets_changes_and_no_steps(run: Run) -> None:
    text = run("plan", save(barred_vm())).out
    assert "Neither mode is possible." in text
    assert "application and crash consistency would be supported:" in text
    assert "\nSteps\n" not in text


@pytest.mark.parametrize("sample", sample_names())
@pytest.mark.parametrize("client", CLIENTS)
def test_what_restores_or_deletes_is_shown_on_demand_only(
    run: Run, sample: str, client: str
) -> None:
    save(sample_vm(sample))
    whole = planned(sample, target_region=REGION)
    later = {
        command.text for command in whole.commands(client, phases=RESTORING) if command.possible
    }
    kept = {
        command.text for command in whole.commands(client, phases=SAFE_PHASES) if command.possible
    }
    words = ("az restore-point delete", "Remove-Az", "DELETE http", "az disk create", "New-AzDisk")
    options = ("--client", client, "--target-region", REGION)
    for command in ("plan", "commands"):
        usual = run(command, "vm.json", *options).out
        assert not any(word in usual for word in words)
        assert not any(text in usual for text in later - kept)
        if later:
            asked = run(command, "vm.json", *options, "--phase", "restore,clean-up").out
            indent = " " * 7 if command == "plan" else ""
            assert all(indented(text, indent) in asked for text in later)


def test_a_plan_says_what_it_does_not_show(run: Run) -> None:
    text = flat(run("plan", save(sure_vm())).out)
    shown = re.search(r"Not shown: (\d+) steps of restore, (\d+) steps of clean_up; see", text)
    assert shown
    steps = plan(rp.assess(rp.read_inventory(sure_vm()), MATRIX)).vms[0].steps
    assert [int(number) for number in shown.groups()] == [
        sum(step.phase == phase for step in steps) for phase in RESTORING
    ]
    assert "Not shown" not in run("plan", "vm.json", "--phase", "all").out


def test_a_placeholder_says_what_takes_its_place(run: Run) -> None:
    text = run("plan", save(sure_vm()), "--phase", "restore").out
    listing = re.search(r"^ +(\d+)\. List the disk restore points", text, re.MULTILINE)
    assert listing
    assert f"put the name that step {listing[1]} shows in place of DISK_RESTORE_POINT_NAME" in text


def fleet(number: int) -> list[dict[str, Any]]:
    return [sure_vm(f"vm-{place}") for place in range(number)]


def test_several_vms_are_overseen_and_the_first_shown(run: Run) -> None:
    save([*fleet(SHOWN_PLANS + 2), barred_vm()])
    text = run("plan", "vm.json").out
    table = text.partition("\n\n")[0]
    assert len(table.splitlines()) == SHOWN_PLANS + 5
    assert re.search(r"^vm-barred +none +✕ not supported", table, re.MULTILINE)
    assert text.count("\nSteps\n") == SHOWN_PLANS
    assert "... and 3 plans more; --vm NAME shows one, --json gives all" in text
    named = [word for place in range(SHOWN_PLANS + 1) for word in ("--vm", f"VM-{place}")]
    assert run("plan", "vm.json", *named).out.count("\nSteps\n") == SHOWN_PLANS + 1


def test_missing_members_of_a_group_are_named(run: Run) -> None:
    group = azure.resource_id("Microsoft.Compute/availabilitySets", "set-one")
    members = [sure_vm(f"vm-{place}", availabilitySet={"id": group}) for place in range(2)]
    save(members)
    text = run("plan", "vm.json", "--vm", "vm-0").out
    assert f"missing: {vm_id('vm-1')}" in text
    assert "not all are planned: availability set" in flat(text)
    whole = run("plan", "vm.json").out
    assert "missing:" not in whole
    assert "The input does not list the members" in whole


def test_names_can_be_chosen(run: Run) -> None:
    names = ("--collection", "rpc-mine", "--restore-point", "point-1", "--resource-group", "rg-x")
    text = run("plan", save(sure_vm()), *names).out
    assert "--collection-name rpc-mine" in text
    assert "--name point-1" in text
    assert "--resource-group rg-x" in text
    copied = ("--target-region", REGION, "--target-collection", "rpc-far", "--phase", "copy")
    save([sure_vm(), azure.disk("vm-sure-os", managedBy=vm_id("vm-sure"))])
    assert "--collection-name rpc-far" in run("plan", "vm.json", *copied).out


@pytest.mark.parametrize("sample", sample_names())
def test_no_page_calls_a_disk_unencrypted(run: Run, sample: str) -> None:
    save(sample_vm(sample))
    for command in (
        ("plan", "vm.json", "--target-region", REGION),
        ("copy", "vm.json", "--target-region", REGION),
        ("encryption", "vm.json"),
    ):
        assert "unencrypted" not in run(*command).out.lower()


# --- commands ---------------------------------------------------------------------------------

SIGN = {"azure_cli": "#", "powershell": "#", "rest": "#", "bicep": "//", "terraform": "#"}


def uncommented(text: str, client: str) -> str:
    """Take the comments and what parts the blocks out."""
    lines = [line for line in text.splitlines() if not line.startswith(SIGN[client])]
    return re.sub(r"\n\n+", "\n", "\n".join(lines)).strip()


@pytest.mark.parametrize("sample", sample_names())
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", CLIENTS)
def test_commands_print_the_commands_of_the_plan_and_comments(
    run: Run, sample: str, mode: str, client: str
) -> None:
    save(sample_vm(sample))
    options = ("--client", client, "--mode", mode, "--target-region", REGION)
    answer = run("commands", "vm.json", *options)
    found = planned(sample, mode=mode, target_region=REGION, client=client)
    texts = [
        command.text
        for command in found.commands(client, phases=WRITTEN_PHASES)
        if command.possible
    ]
    assert (answer.code == 0) == bool(texts)
    once = dict.fromkeys(texts)
    assert uncommented(answer.out, client) == re.sub(r"\n\n+", "\n", "\n".join(once))
    comments = flat(answer.out.replace(f"\n{SIGN[client]} ", " "))
    for step in found.vms[0].steps if texts else ():
        if step.phase in WRITTEN_PHASES and step.operations:
            assert f"{step.number}. {step.title}: {', '.join(step.rows)}" in comments


def test_requests_are_parted_as_editors_part_them(run: Run) -> None:
    text = run("commands", save(ultra_vm()), "--client", "rest", "--phase", "all").out
    requests = re.findall(r"^(?:GET|PUT|DELETE|POST) ", text, re.MULTILINE)
    assert len(re.split(r"^### .*$", text, flags=re.MULTILINE)) - 1 == len(requests)


HARMFUL = "vm'$(touch pwned)`touch pwned`\";touch pwned\n# x & y | z > pwned é\u202e!"


@pytest.mark.skipif(os.name == "nt", reason="there is no such shell")
@pytest.mark.parametrize("shell", [["bash"], ["bash", "-i"], ["zsh", "-f", "-i"]], ids=" ".join)
def test_no_name_can_break_out_of_a_pasted_command(run: Run, shell: list[str]) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} here")
    record = ultra_vm()
    record["name"] = HARMFUL
    record["id"] = vm_id(HARMFUL)
    record["properties"]["storageProfile"]["dataDisks"][0]["name"] = HARMFUL
    answer = run("commands", save(record), "--client", "azure_cli", "--mode", "crash")
    assert answer.code == 0, answer.err
    Path("bin").mkdir()
    Path("bin", "az").write_text(f'#!{shutil.which("bash")}\nprintf "%s\\0" "$@" >>../told\n')
    Path("bin", "az").chmod(0o755)
    Path("here").mkdir()
    environment = {"PATH": f"{Path('bin').resolve()}:{os.environ['PATH']}", "HISTFILE": "/dev/null"}
    subprocess.run(
        shell,
        input=answer.out.encode(),
        cwd="here",
        env={**environment, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=60,
    )
    assert list(Path("here").iterdir()) == []
    told = Path("told").read_bytes().decode().split("\0")
    assert vm_id(HARMFUL) in told
    assert told.count("restore-point") == answer.out.count("\naz restore-point")


NOTHING: list[tuple[list[str], str]] = [
    ([], "vm-barred: no restore point can be created: Confidential VM [confidential-vm]"),
    (["--vm", "vm-open"], "vm-open: the verdict for crash consistency is unknown [premium-ssd"),
    (["--vm", "vm-open"], f"    az disk show --ids {disk_id('disk-dark')}\n"),
    (["--vm", "vm-nobody"], "--vm: no VM 'vm-nobody'; there are"),
    (["--vm", "vm-sure", "--phase", "settle"], "no command for azure cli can be written for 1 VM"),
    (["--vm", "vm-sure", "--client", "bicep", "--phase", "clean_up"], "does not delete single"),
    (["--vm", "vm-sure", "--output", "."], "'.' is a folder; name a file to write to"),
]


@pytest.mark.parametrize(("options", "message"), NOTHING)
def test_commands_that_cannot_be_written_end_with_2_and_say_why(
    run: Run, options: list[str], message: str
) -> None:
    save([barred_vm(), open_vm(), sure_vm()])
    named = options if "--vm" in options else ["--vm", "vm-barred"]
    answer = run("commands", "vm.json", "--client", "azure_cli", "--mode", "crash", *named)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_only_people_can_answer_some_questions(run: Run) -> None:
    answer = run("commands", save(sure_vm()), "--client", "rest", "--strict")
    assert answer.code == 2
    question = MATRIX.facts["os_architecture"].question
    assert f"{question} Answer with --assume os_architecture=... (64-bit or 32-bit)" in answer.err


def test_what_one_vm_lacks_does_not_keep_back_the_others(run: Run) -> None:
    save([sure_vm(), barred_vm(), open_vm()])
    answer = run("commands", "vm.json", "--client", "azure_cli", "--mode", "crash")
    assert answer.code == 0
    assert "# vm-sure: crash consistency, supported\n" in answer.out
    assert "az disk show" not in answer.out
    assert "vm-barred: no restore point" in answer.err
    assert "vm-open: the verdict" in answer.err


def test_what_all_vms_need_is_asked_for_once(run: Run) -> None:
    text = run("commands", save(fleet(3)), "--client", "azure_cli").out
    assert text.count("az restore-point collection list-all") == 1
    assert text.count("az restore-point collection create") == 3


def test_a_refused_copy_is_told(run: Run) -> None:
    save(sample_vm("private-link-disk"))
    answer = run("commands", "vm.json", "--client", "azure_cli", "--target-region", REGION)
    assert answer.code == 0
    assert f"bank-01: no copy to {REGION}: " in answer.err
    assert "[xr-private-link]" in answer.err
    assert REGION not in answer.out


def test_commands_as_json_are_printed_though_there_are_none(run: Run) -> None:
    answer = run("commands", save(barred_vm()), "--client", "rest", "--json")
    assert answer.code == 2
    (one,) = json.loads(answer.out)["vms"]
    assert (one["vm_name"], one["mode"], one["steps"]) == ("vm-barred", "", [])


@pytest.mark.parametrize(("client", "name"), [("bicep", "*.bicep"), ("terraform", "main.tf")])
def test_a_folder_gets_a_file_for_each_text(run: Run, client: str, name: str) -> None:
    Path("files").mkdir()
    save([ultra_vm(), sure_vm("odd name'")])
    options = ("--client", client, "--mode", "crash", "--output", "files")
    answer = run("commands", "vm.json", *options)
    assert (answer.code, answer.out) == (0, "")
    result = rp.assess(rp.read_inventory([ultra_vm(), sure_vm("odd name'")]), MATRIX)
    found = plan(result, mode="crash", client=client)
    expected = sorted(
        command.text
        for one in found.vms
        for step in one.steps
        if step.phase in WRITTEN_PHASES
        for command in (write(operation, client) for operation in step.operations)
        if command.possible
    )
    files = [path for path in Path("files").rglob("*") if path.is_file()]
    assert all(path.match(name) for path in files)
    assert {path.parts[1] for path in files} == {"vm-ultra", "vm-2"}
    texts = [path.read_text(encoding="utf-8") for path in files]
    stripped = [
        "\n".join(line for line in text.splitlines() if not line.startswith(SIGN[client]))
        for text in texts
    ]
    assert sorted(stripped) == expected
    assert f"{len(files)} files written to files" in answer.err
    if client == "terraform":
        # Terraform takes all files of a folder for one.
        assert len({path.parent for path in files}) == len(files)


def test_a_console_that_lacks_a_letter_gets_no_other_command(tmp_path: Path) -> None:
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(sure_vm("vm-märz")))
    answer = run_process("commands", path, "--client", "azure_cli", encoding="ascii")
    assert answer.returncode == 2
    assert b"this console cannot print 'xe4'" in answer.stderr.replace(b"\\", b"")
    file = tmp_path / "run.sh"
    output = ("--client", "azure_cli", "--output", file)
    assert run_process("commands", path, *output, encoding="ascii").returncode == 0
    assert "--name 'vm-märz-application-1'" in file.read_text(encoding="utf-8")


# --- schedule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "days", "each"),
    [
        (["--application-every", "3h"], "62.5", 500),
        (["--crash-every", "1h"], "20.8", 500),
        (["--application-every", "PT3H", "--crash-every", "60 min"], "15.6", 250),
    ],
)
def test_the_figures_of_the_limits(run: Run, options: list[str], days: str, each: int) -> None:
    text = flat(run("schedule", *options, "--start", "2026-03-01").out)
    largest = f"Largest retention that fits: {days} days, or {each} points of each mode"
    assert said(largest, ["lim-rp-per-vm"]) in text
    full = date(2026, 3, 1) + timedelta(days=float(days))
    assert f"The first point that no longer fits: {full}" in text
    assert f"after {days} days [lim-rp-per-vm]" in text


def test_a_schedule_needs_no_input(run: Run) -> None:
    calls = ("--crash-every", "4h", "--retention", "100 points", "--start", "2026-03-01")
    found = json.loads(run("schedule", "--json", *calls, "--existing", 7, "--vms", 3).out)
    expected = plan_schedule(
        MATRIX,
        crash_every=4 * HOUR,
        retention=100,
        existing=7,
        start=date(2026, 3, 1),
        vms=3,
    )
    assert found["vms"] == [{"vm_id": None, "vm_name": None, "schedule": expected.to_dict()}]
    assert (found["problems"], found["counts"]) == ([], {})


def test_a_broken_limit_is_told_with_its_moment_and_remedy(run: Run) -> None:
    calls = ("--application-every", "2h", "--crash-every", "1h", "--start", "2026-03-01T04:00")
    text = flat(run("schedule", *calls).out)
    interval = MATRIX.row("min-interval-app")
    assert f"✕ broken: {interval['title']} [min-interval-app, interval-note]" in text
    assert "planned: 2; allowed: at least 3 hours since the last one, broken at 2026-03-01" in text
    assert said(interval["remedy"], ["min-interval-app"]) in text
    assert f"✓ kept: {MATRIX.row('min-interval-crash')['title']}" in text
    assert "Both modes ask in the same minute 12 times a day" in text
    apart = re.search(r"--crash-after (\w+) keeps them apart", text)
    assert apart
    again = run("schedule", *calls, "--crash-after", apart[1])
    assert again.code == 0
    assert "Both modes ask" not in again.out


def test_a_schedule_counts_what_the_input_shows(run: Run) -> None:
    points = [
        restore_point("vm-sure", number, created="2026-02-01T04:00:00+00:00") for number in range(9)
    ]
    save([sure_vm(), collection("vm-sure", points)])
    call = ("schedule", "vm.json", "--crash-every", "4h", "--start", "2026-03-01")
    assert "there now  at least 9" in run(*call).out
    assert "there now  30" in run(*call, "--existing", 30).out
    assert "there now  not known" in run("schedule", save(sure_vm()), *call[2:]).out


def test_the_schedules_of_several_vms_are_a_table(run: Run) -> None:
    points = [
        restore_point("vm-0", number, created="2026-02-01T04:00:00+00:00") for number in range(500)
    ]
    save([*fleet(2), collection("vm-0", points)])
    call = ("schedule", "vm.json", "--crash-every", "4h", "--start", "2026-03-01")
    text = run(*call, width=200).out
    assert re.search(
        r"^vm-0 +✕ broken +at least 500 +2026-03-01 00:00 .*\[lim-rp", text, re.MULTILINE
    )
    assert re.search(r"^vm-1 +✕ broken +not known +2026-05", text, re.MULTILINE)
    assert "Largest retention" in run(*call, "--vm", "vm-1").out


# --- copy -------------------------------------------------------------------------------------


def only_vm(name: str) -> tuple[Vm, rp.Assessment]:
    """Read a file of one VM, with the places that the file gives."""
    result = rp.assess(rp.read_inventory(Path(name)), MATRIX)
    (machine,) = result.inventory.vms
    return machine, result


@pytest.mark.parametrize("sample", sample_names())
def test_every_rule_of_a_copy_stands_with_its_row_and_source(run: Run, sample: str) -> None:
    save(sample_vm(sample))
    text = run("copy", "vm.json", "--target-region", REGION).out
    page = flat(text)
    (machine, result) = only_vm("vm.json")
    answer = copy_of(result, machine, target_region=REGION)
    for line in answer.lines:
        perhaps = "" if line.applies == "yes" else "Perhaps: "
        assert said(f"{perhaps}{line.text}", line.rows) in page
        assert not line.remedy or said(line.remedy, line.rows[:1]) in page
        assert f"from: {line.source}" in page
    assert answer.answer.replace("_", " ") in text.splitlines()[0]
    found = json.loads(run("copy", "vm.json", "--target-region", REGION, "--json").out)
    assert found["copies"]["answers"] == [answer.to_dict()]


def test_the_copies_of_a_fleet_are_counted(run: Run) -> None:
    names = ("plain-linux", "private-link-disk", "confidential", "vm-record-only")
    save([record for name in names for record in sample_vm(name)])
    text = run("copy", "vm.json", "--target-region", REGION).out
    assert "\n4 VMs: 1 supported with caveat, 2 not supported, 1 unknown\n" in text
    assert re.search(r"^bank-01 +westeurope +✕ not supported +.*\[xr-private-link\]", text, re.M)
    title = MATRIX.row("xr-private-link")["title"]
    assert f"  blocked by {title} [xr-private-link]: 1 VM\n" in text
    assert f"  left open by {title} [xr-private-link]: 1 VM\n" in text
    preview = text[text.index(MATRIX.row("xr-preview")["effect"]) :]
    assert "web-01" not in preview.splitlines()[2]


def test_the_portal_cannot_copy(run: Run) -> None:
    save(sample_vm("plain-linux"))
    text = run("copy", "vm.json", "--target-region", REGION, "--client", "portal").out
    assert "not supported" in text.splitlines()[0]
    assert text.splitlines()[1].endswith("[xr-no-portal]")


def test_a_copy_into_its_own_region_is_refused_by_the_table(run: Run) -> None:
    save(sample_vm("plain-linux"))
    text = run("copy", "vm.json", "--target-region", "westeurope").out
    assert "[xr-same-region]" in text.splitlines()[1]


def test_disks_in_no_restore_point_are_in_no_copy(run: Run) -> None:
    text = run("copy", save(ultra_vm()), "--target-region", REGION, "--mode", "crash").out
    assert f"vm-ultra, lun 3  {disk_id('disk-ultra')} [ultra-disk]" in text


# --- encryption -------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", sample_names())
def test_every_line_about_encryption_stands_with_its_rows_and_source(run: Run, sample: str) -> None:
    save(sample_vm(sample))
    page = flat(run("encryption", "vm.json").out)
    (machine, result) = only_vm("vm.json")
    answers = encryption_of(result, machine)
    for line in (line for answer in answers for line in answer.lines):
        assert said(line.text, line.rows) in page
        if line.applies == "unknown":
            assert re.search(rf"If [a-z0-9 -]+ applies: {re.escape(flat(line.text))}", page)
        assert not line.remedy or said(line.remedy, line.rows[:1]) in page
        assert f"from: {line.source}" in page
    for other in (one for answer in answers for one in answer.disagreements):
        for text in (other.reading_a, other.reading_b, other.reason):
            assert flat(text) in page
    found = json.loads(run("encryption", "vm.json", "--json").out)
    assert found["disks"] == [answer.to_dict() for answer in answers]


def test_disks_alike_are_told_once(run: Run) -> None:
    text = run("encryption", save(sample_vm("customer-key"))).out
    assert text.startswith("hr-01-os, hr-01-data\n")
    assert text.count("must be in place") == 1
    save([*sample_vm("customer-key"), *sample_vm("plain-linux")])
    both = run("encryption", "vm.json").out
    assert "hr-01: hr-01-os, hr-01: hr-01-data\n" in both
    assert "web-01: web-01-os, web-01: web-01-data\n" in both


def test_what_a_restore_point_shows_is_told(run: Run, inputs: None) -> None:
    text = run("encryption", "point.json").out
    assert "  found in rp-1\n    vm-sure-os: EncryptionAtRestWithPlatformKey\n" in text


# --- error ------------------------------------------------------------------------------------

REFUSED = {
    "error": {
        "code": "OperationNotAllowed",
        "message": "Creating Restore Point of a VM with Shared disks is not supported",
    }
}


def test_an_error_is_found_in_words_a_file_or_standard_input(run: Run, monkeypatch: Any) -> None:
    text = json.dumps(REFUSED)
    save(REFUSED, "answer.json")
    answers = [run("error", text).out, run("error", *text.split()).out]
    answers.append(run("error", "answer.json").out)
    for words in ([], ["-"]):
        for encode in azure.ENCODINGS.values():
            stream = io.TextIOWrapper(io.BytesIO(encode(text)))
            monkeypatch.setattr(sys, "stdin", stream)
            answers.append(run("error", *words).out)
    assert set(answers) == {answers[0]}
    lines = answers[0].splitlines()
    assert lines[0] == "This error is ✓ known: matrix refusal"
    row = MATRIX.row("err-shared-disk")
    assert said(row["meaning"], ["err-shared-disk"]) in flat(answers[0])
    assert said(f"To do: {row['action']}", ["err-shared-disk"]) in flat(answers[0])
    for cited in ("err-shared-disk", *row.members("row_ids")):
        assert flat(str(MATRIX.citation(cited))) in flat(answers[0])


def test_a_code_alone_may_mean_several_errors(run: Run) -> None:
    text = run("error", "OperationNotAllowed").out
    assert text.startswith("This error is ◐ one of several: the message decides\n")
    fragments = MATRIX.row("err-shared-disk").members("message_fragment")
    assert f"It is this one if the message says {fragments[0]!r}" in flat(text)


def test_an_unknown_error_stays_unknown_and_names_what_is_near(run: Run) -> None:
    text = run("error", "all", "VSS", "writers", "are", "bad").out
    assert text.startswith("This error is ? not known\n")
    assert "Rows with some of the words, which is no answer\n" in text
    assert "Codes that are known\n" in text
    assert "Where to look next\n" in text
    assert said(MATRIX.row("err-vss-writers")["meaning"], ["err-vss-writers"]) in flat(text)
    assert "no answer" not in run("error", "zzz").out


@given(st.text(max_size=80).filter(lambda text: text != "-"))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_can_be_looked_up(run: Run, text: str) -> None:
    answer = run("error", "--json", "--", text)
    if answer.code:
        assert "nothing to look up" in answer.err or "there is no file" in answer.err
        return
    found = json.loads(answer.out)
    del found["matrix"]
    assert found == look_up(text, MATRIX).to_dict()


# --- wrong usage ------------------------------------------------------------------------------

WRONG: list[tuple[str, str]] = [
    ("plan", "required: PATH"),
    ("plan nowhere.json", "there is no file or folder 'nowhere.json'"),
    ("plan list.json", "no VM to judge"),
    ("plan vms.json --target-region westeurope", "is in westeurope already"),
    ("plan vms.json --target-region westeurope", "; --vm plans the others without it"),
    ("plan vms.json --target-region a/b", "a target region is a name such as westeurope"),
    ("plan vms.json --phase none", "'none' is none of settle, prerequisite"),
    ("plan vms.json --every 4", "'4' has no unit; write 4h"),
    ("plan vms.json --every 4h --retention 30", "'30' has no unit; write 30d"),
    ("plan vms.json --retention 30d", "say with --every how often"),
    ("plan vms.json --collection mine", "2 VMs cannot share a collection"),
    ("plan vms.json --vm vm-x", "--vm: no VM 'vm-x'; there are vm-sure, vm-ultra"),
    ("plan vms.json --vm vm-sure --collection a/b", "holds a '/'"),
    ("plan vms.json --client portal", "invalid choice: 'portal'"),
    ("plan vms.json --assume nfs=no", "there is no fact 'nfs'"),
    ("commands vms.json", "required: --client"),
    ("commands vms.json --client cobol", "invalid choice: 'cobol'"),
    ("schedule", "say how often: --application-every"),
    ("schedule --crash-every 4", "'4' has no unit"),
    ("schedule --crash-every 90s", "give whole minutes"),
    ("schedule --crash-every 4h --start soon", "'soon' is no date"),
    ("schedule --crash-every 4h --vms 0", "'0' is no whole number of 1 or more"),
    ("schedule --crash-every 4h --existing -1", "'-1' is no whole number of 0 or more"),
    ("schedule --crash-every 4h --vm vm-sure", "--vm: there is no VM without a PATH"),
    ("schedule --crash-every 4h --assume nfs_mounts=no", "--assume: there is no VM without"),
    ("schedule vms.json --crash-every 4h --vms 3", "--vms: the input tells"),
    ("copy vms.json", "required: --target-region"),
    ("copy vms.json --target-region x1 --client cobol", "client may be azure_cli"),
    ("copy vms.json --target-region x1 --api-version old", "an API version is a date"),
    ("encryption vms.json --vm vm-x", "--vm: no VM 'vm-x'"),
    ("encryption list.json", "no VM to judge"),
    ("error nowhere.json", "there is no file 'nowhere.json'"),
    ("error empty.txt", "nothing to look up"),
    ("error folder.txt", "there is no file 'folder.txt'"),
]


@pytest.mark.parametrize(("line", "message"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage_ends_with_2_and_says_what_to_do(run: Run, line: str, message: str) -> None:
    save([sure_vm(), ultra_vm()], "vms.json")
    save([], "list.json")
    Path("empty.txt").touch()
    Path("folder.txt").mkdir()
    answer = run(*line.split())
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "Traceback" not in answer.err


# --- what all of them have in common ----------------------------------------------------------

CALLS: Mapping[str, tuple[str, ...]] = {
    "plan": ("plan", "vm.json", "--mode", "crash", "--every", "4h", "--target-region", REGION),
    "commands": ("commands", "vm.json", "--mode", "crash", "--client", "azure_cli"),
    "schedule": ("schedule", "vm.json", "--crash-every", "4h", "--start", "2026-03-01"),
    "copy": ("copy", "vm.json", "--target-region", REGION),
    "encryption": ("encryption", "vm.json"),
    "error": ("error", "OperationNotAllowed"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_output_goes_to_a_file(run: Run, name: str, form: tuple[str, ...]) -> None:
    save(ultra_vm())
    fixed = (
        ("--assume", "nfs_mounts=no") if name in ("plan", "copy", "encryption", "commands") else ()
    )
    call = [word for word in CALLS[name] if word not in ("--every", "4h")]
    if name == "schedule":
        call = list(CALLS[name])
    shown = run(*call, *fixed, *form).out
    answer = run(*call, *fixed, *form, "--output", "case.txt")
    assert (answer.code, answer.out) == (0, "")
    assert Path("case.txt").read_bytes().decode() == shown


@pytest.mark.parametrize("name", CALLS)
def test_a_name_cannot_steer_the_terminal(run: Run, name: str) -> None:
    record = ultra_vm()
    record["name"] = HOSTILE
    record["properties"]["storageProfile"]["dataDisks"][0]["name"] = HOSTILE
    save(record)
    answer = run(*CALLS[name], *([HOSTILE] if name == "error" else []))
    text = answer.out + answer.err
    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []


@pytest.mark.parametrize("name", CALLS)
def test_a_name_cannot_steer_a_real_terminal(
    run: Run, on_terminal: Callable[..., str], name: str
) -> None:
    record = ultra_vm()
    record["name"] = HOSTILE
    save(record)
    shown = on_terminal(*CALLS[name])
    for sign in (f"{ESCAPE}[2J", f"{ESCAPE}]0;x", "\x07", "\u202e", "\x9b"):
        assert sign not in shown


@pytest.mark.parametrize("name", CALLS)
def test_away_from_a_terminal_there_are_neither_colours_nor_trailing_blanks(
    run: Run, name: str
) -> None:
    save([ultra_vm(), sure_vm()])
    text = run(*CALLS[name]).out
    assert ESCAPE not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_any_console_encoding_will_do(tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / "vm.json").write_text(json.dumps(ultra_vm()))
    call = [str(tmp_path / word) if word == "vm.json" else word for word in CALLS[name]]
    answer = run_process(*call, encoding=encoding)
    assert answer.returncode == 0
    assert answer.stdout.decode(encoding)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "error"])
def test_an_input_problem_is_told(run: Run, name: str) -> None:
    Path("mixed.json").write_text(json.dumps([ultra_vm(), {"a": 1}]))
    call = ["mixed.json" if word == "vm.json" else word for word in CALLS[name]]
    answer = run(*call)
    assert answer.code == 0
    if name != "commands":
        assert "Not understood: 1 record\n  mixed.json /1: " in answer.out
        assert json.loads(run(*call, "--json").out)["counts"]["problems"] == 1


NOT_FOR_VERDICTS = {
    *("planning.plan", "planning.schedule", "cli.plan"),
    *("planning.commands.write", "planning.commands.operations"),
}
HEAVY = {"pandas", "numpy", "pyarrow", "ipywidgets", "IPython", "openpyxl"}


@pytest.mark.parametrize(
    ("call", "left"),
    [
        (("assess", "vm.json"), NOT_FOR_VERDICTS),
        (("explain", "vm.json"), NOT_FOR_VERDICTS),
        (("error", "zzz"), {"planning.plan", "cli.plan"}),
        (("--help",), {"planning", "cli.plan", "cli.copies"}),
        (("plan", "vm.json"), set()),
    ],
)
def test_a_command_loads_only_what_it_needs(
    run: Run, call: tuple[str, ...], left: set[str]
) -> None:
    save(ultra_vm())
    answer = run_process(*call, options=["-X", "importtime"])
    assert answer.returncode == 0
    names = [line.rpartition("|")[2].strip() for line in answer.stderr.decode().splitlines()]
    assert {name.partition(".")[0] for name in names} & HEAVY == set()
    assert {name.removeprefix("rpmatrix.") for name in names} & left == set()


def test_every_command_has_its_module_and_help() -> None:
    parser = cli.make_parser()
    assert parser.prog == "rpmatrix"
    for name, (text, module) in cli.COMMANDS.items():
        assert text.endswith("."), name
        found = __import__(f"rpmatrix.cli.{module}", fromlist=["SUBCOMMANDS"]).SUBCOMMANDS
        assert name in found


def verdicts(answer: Answer) -> list[str]:
    return [one["verdict"]["verdict"] for one in json.loads(answer.out)["vms"]]


def test_answers_and_overlays_reach_a_plan(run: Run) -> None:
    save(sure_vm())
    barred = run("plan", "vm.json", "--json", "--assume", "os_architecture=32-bit")
    assert verdicts(barred) == ["supported"]
    assert json.loads(barred.out)["vms"][0]["mode"] == "crash"
    both = run(
        *("plan", "vm.json", "--json", "--mode", "application"),
        *("--assume", "os_architecture=32-bit"),
    )
    assert verdicts(both) == ["not_supported"]
    assert verdicts(run("plan", "vm.json", "--json", "--mode", "application", "--strict")) == [
        "unknown"
    ]
