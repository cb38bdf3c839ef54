"""Real payloads that people judged: the package reaches the same verdicts.

The payloads are not part of the project. RPMATRIX_CORPUS names a folder of them with
`expected.csv` (verdicts reached by hand) and `manifest.csv` (what each file is, and which disks
and interfaces belong to it); without it these tests are skipped.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import rpmatrix as rp
from rpmatrix.matrix.matrix import MODES


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_of(row: dict[str, str]) -> list[str]:
    """Give a VM's file and those of its disks and interfaces."""
    linked = "|".join((row["linked_disks"], row["linked_nics"])).replace(";", "|")
    return [row["file"], *(name for name in linked.split("|") if name)]


def payloads(corpus: Path) -> list[Path]:
    readable = {".json", ".ndjson", ".csv", ".txt"}
    inside = (
        path for folder in sorted(corpus.iterdir()) if folder.is_dir() for path in folder.rglob("*")
    )
    return sorted(path for path in inside if path.suffix in readable)


def test_the_verdicts_are_those_that_people_reached(corpus: Path) -> None:
    manifest = {row["file"]: row for row in table(corpus / "manifest.csv")}
    judged = table(corpus / "expected.csv")
    assert judged
    wrong = []
    for row in judged:
        sources = [corpus / name for name in files_of(manifest[row["file"]])]
        for verdict in rp.assess(rp.read_inventory(*sources)).verdicts:
            gone = [
                "osDisk" if one.role == "os" else f"lun:{one.lun}" for one in verdict.exclude_disks
            ]
            expected = row[verdict.mode], row[f"exclude_{verdict.mode}"]
            if (verdict.verdict, ";".join(gone)) != expected:
                found = f"{verdict.verdict} {gone} by {', '.join(verdict.reasons)}"
                wrong.append(f"{row['file']} {verdict.mode}: {found}; expected {expected}")
    assert wrong == []


def test_every_judged_vm_is_found(corpus: Path) -> None:
    for row in table(corpus / "expected.csv"):
        verdicts = rp.assess(rp.read_inventory(corpus / row["file"])).verdicts
        assert [one.mode for one in verdicts] == list(MODES), row["file"]


def test_every_payload_is_read_and_its_records_add_up(corpus: Path) -> None:
    found = payloads(corpus)
    assert found
    for path in found:
        inventory = rp.read_inventory(path)
        counts = inventory.counts
        parts = ("vms", "disks", "other", "problems")
        assert counts["records"] == sum(counts[part] for part in parts), path
        assessment = rp.assess(inventory)
        assert len(assessment.verdicts) == len(MODES) * len(inventory.vms), path
        json.dumps(assessment.to_dict())
        for finding in assessment.findings:
            assert all(str(one) for one in finding.evidence), path


def test_every_payload_can_be_read_at_once(corpus: Path) -> None:
    """One inventory of everything: nothing depends on what else was given."""
    inventory = rp.read_inventory(*payloads(corpus))
    assert inventory.counts["vms"] >= len(inventory.vms) > 0
    assert len(rp.assess(inventory).verdicts) == len(MODES) * len(inventory.vms)


def test_what_the_manifest_calls_a_vm_or_a_disk_is_read_as_one(corpus: Path) -> None:
    kinds = {"vm": "vm", "disk": "disk", "vmss": "scale_set", "nic": "network_interface"}
    for row in table(corpus / "manifest.csv"):
        kind = kinds.get(row["category"].partition("_")[0])
        path = corpus / row["file"]
        if kind and path.is_file():
            read = rp.read_inventory(path)
            assert [one.kind for one in read.records] == [kind], row["file"]
