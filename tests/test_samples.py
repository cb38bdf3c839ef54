"""The samples show what their titles say, and are the same in every run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from rpmatrix import assess, read_inventory
from rpmatrix.inventory.samples import sample_names, sample_title, sample_vm

# name: (verdict for application consistency, for crash consistency, disks left out in crash mode)
SHOWN = {
    "plain-linux": ("supported", "supported", []),
    "plain-windows": ("supported", "supported", []),
    "vm-record-only": ("supported", "supported", []),
    "sql-with-ultra-data-disk": ("supported", "exclude_disks", ["sql-01-log"]),
    "premium-ssd-v2": ("supported", "exclude_disks", ["db-01-data", "db-01-log"]),
    "write-accelerated-log": ("supported", "supported", []),
    "newest-sizes-two-data-disks": ("supported", "supported", []),
    "shared-disk-cluster-node": ("exclude_disks", "exclude_disks", ["node-01-quorum"]),
    "ephemeral-only": ("not_supported", "not_supported", ["agent-01-os"]),
    "ephemeral-with-data-disks": ("exclude_disks", "exclude_disks", ["cache-01-os"]),
    "confidential": ("not_supported", "not_supported", []),
    "unmanaged": ("not_supported", "not_supported", []),
    "uniform-scale-set-instance": ("not_supported", "not_supported", []),
    "flexible-scale-set-member": ("supported", "supported", []),
    "windows-server-2012-r2": ("unknown", "supported", []),
    "windows-11": ("unknown", "supported", []),
    "flatcar": ("unknown", "supported", []),
    "unknown-image": ("unknown", "supported", []),
    "deallocated-no-sku": ("supported", "unknown", []),
    "customer-key": ("supported", "supported", []),
    "double-encryption": ("supported", "supported", []),
    "azure-disk-encryption": ("supported", "supported", []),
    "availability-set": ("supported", "supported", []),
    "many-harmless-features": ("supported", "supported", []),
    "private-link-disk": ("supported", "supported", []),
    "trusted-launch-disk-as-data": ("not_supported", "not_supported", []),
    "behind-a-proxy": ("supported", "supported", []),
    "template-with-expressions": ("supported", "unknown", []),
    "with-an-error-answer": ("supported", "supported", []),
}

# name: rows that the sample is there to show, in the reasons or the caveats of crash consistency
ROWS = {
    "sql-with-ultra-data-disk": {"ultra-disk", "temp-disk"},
    "premium-ssd-v2": {"premium-ssd-v2-disk"},
    "shared-disk-cluster-node": {"shared-disk"},
    "ephemeral-only": {"ephemeral-os-disk", "no-disk-left"},
    "ephemeral-with-data-disks": {"ephemeral-os-disk", "os-disk-excluded"},
    "confidential": {"confidential-vm"},
    "unmanaged": {"unmanaged-disks"},
    "uniform-scale-set-instance": {"vmss-uniform"},
    "flexible-scale-set-member": {"vmss-flex"},
    "customer-key": {"sse-cmk"},
    "double-encryption": {"double-encryption"},
    "azure-disk-encryption": {"ade", "vm-extensions"},
    "availability-set": {"availability-set", "host-encryption", "temp-disk"},
    "many-harmless-features": {"spot-vm", "ppg", "accelerated-networking", "nvme-lsv2"},
    "plain-windows": {"trusted-launch-os-disk", "hub-license", "gen2-vm"},
    "trusted-launch-disk-as-data": {"data-disk-from-trusted-launch-os"},
}


def test_every_sample_is_judged_here() -> None:
    assert set(sample_names()) == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_sample_gets_the_verdict_it_is_there_to_show(name: str) -> None:
    application, crash = assess(read_inventory(sample_vm(name))).verdicts
    excluded = [disk.label for disk in crash.exclude_disks]
    assert (application.verdict, crash.verdict, excluded) == SHOWN[name]


@pytest.mark.parametrize("name", ROWS)
def test_a_sample_meets_the_rows_it_is_there_to_show(name: str) -> None:
    _, crash = assess(read_inventory(sample_vm(name))).verdicts
    assert ROWS[name] <= {*crash.reasons, *crash.caveats}


@pytest.mark.parametrize("name", sample_names())
def test_every_record_of_a_sample_is_understood(name: str) -> None:
    inventory = read_inventory(sample_vm(name))
    assert len(inventory.vms) == 1
    assert len(inventory.problems) == (name == "with-an-error-answer")


def test_the_private_link_shows_in_the_disks() -> None:
    disks = [record for record in sample_vm("private-link-disk") if "sku" in record]
    assert {disk["properties"]["networkAccessPolicy"] for disk in disks} == {"AllowPrivate"}


def test_a_sample_may_be_changed_without_harm() -> None:
    sample_vm("plain-linux")[0]["properties"].clear()
    assert sample_vm("plain-linux")[0]["properties"]


def test_samples_are_the_same_in_another_process() -> None:
    line = (
        "import json; from rpmatrix.inventory.samples import *; "
        "print(json.dumps(sample_vm('customer-key')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", line], check=True, capture_output=True, text=True
    )
    assert json.loads(answer.stdout) == sample_vm("customer-key")


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in texts(child)]
    if isinstance(value, list):
        return [text for child in value for text in texts(child)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", sample_names())
def test_ids_look_like_ids_and_names_are_ascii(name: str) -> None:
    shown = texts(sample_vm(name))
    assert all(text.isascii() for text in shown)
    found = {guid for text in shown for guid in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)}
    assert all("0" not in guid for guid in found)
    assert found or name == "template-with-expressions"


def test_titles_fit_on_one_line_and_differ() -> None:
    titles = [sample_title(name) for name in sample_names()]
    assert len(set(titles)) == len(titles)
    assert max(map(len, titles)) <= 80


@pytest.mark.parametrize(
    ("name", "hint"), [("plain-linus", "did you mean 'plain-linux'?"), ("zzz", "confidential")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(LookupError, match=re.escape(hint)):
        sample_vm(name)
