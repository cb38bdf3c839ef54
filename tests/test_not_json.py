"""What is not JSON is named, with what to give instead; JSON beside it is read all the same."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure import disk_id, vm, vm_id

import rpmatrix as rp
from rpmatrix.inventory.inventory import Inventory
from rpmatrix.inventory.not_json import FILES, TEXTS, name_of_file, name_of_text


def archive(*names: str) -> bytes:
    """Give a zip archive of files with these names, the last of which is only in its index."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(names[0], bytes(range(256)) * 80)
        for name in names[1:]:
            packed.writestr(name, "x")
    return buffer.getvalue()


TERRAFORM = "terraform show -json"
POWERSHELL = "ConvertTo-Json -Depth 10"
AZ = "--output json"

BINARY: dict[str, tuple[bytes, str, str]] = {
    "plan": (archive("tfplan", "tfstate"), "a saved plan of Terraform", TERRAFORM),
    "docx": (archive("[Content_Types].xml", "word/document.xml"), "Word", "save the JSON"),
    "xlsx": (archive("[Content_Types].xml", "xl/workbook.xml"), "a workbook", "as CSV"),
    "zip": (archive("vm.json"), "a zip archive", "unpack it"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "a zip archive", "unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip", "unpack it"),
    "gz": (b"\x1f\x8b\x08\x00" + bytes(20), "gzip", "rpmatrix fleet"),
    "bz2": (b"BZh91AY&SY" + bytes(20), "bzip2", "rpmatrix fleet"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF", "save the JSON"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a picture", AZ),
    "jpg": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture", AZ),
    "gif": (b"GIF89a\x01\x00", "a picture", AZ),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "a picture", AZ),
    "bmp": (b"BM\x36\x10\x00\x00\x00\x00\x00\x00\x36\x00", "a picture", AZ),
    "heic": (b"\x00\x00\x00\x18ftypheic", "a picture", AZ),
    "msg": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Outlook", "save the JSON"),
    "parquet": (b"PAR1\x15\x04", "a Parquet file", "rpmatrix fleet"),
}

LISTING = """

ResourceGroupName  : rg-harbour
Id                 : /subscriptions/0/resourceGroups/rg-harbour/providers/Microsoft.Compute/x
Name               : vm-harbour
Tags               : {"env":"test"}
HardwareProfile    : Microsoft.Azure.Management.Compute.Models.HardwareProfile
StorageProfile     : {
                       "osDisk": 1
"""
TEXT: dict[str, tuple[str, str, str]] = {
    "Format-List": (LISTING, "PowerShell", POWERSHELL),
    "Format-Table": (
        "\nResourceGroupName       Name Location          VmSize OsType\n"
        "-----------------       ---- --------          ------ ------\n"
        "RG-HARBOUR        vm-harbour westeurope Standard_D2s_v5  Linux\n",
        "PowerShell",
        POWERSHELL,
    ),
    "Export-Clixml": ('<Objs Version="1.1.0.1" xmlns="x">', "PowerShell", POWERSHELL),
    "az table": (
        "Name        ResourceGroup    Location    Zones\n"
        "----------  ---------------  ----------  -------\n"
        "vm-harbour  rg-harbour       westeurope  1\n",
        "a table that Azure CLI printed",
        AZ,
    ),
    "az yaml": (
        "additionalCapabilities: null\nhardwareProfile:\n  vmSize: Standard_D2s_v5\nid: /s/0\n",
        "YAML",
        AZ,
    ),
    "az yaml list": (
        "- id: /s/0\n  name: a\n  zones:\n  - '1'\n- id: /s/1\n  name: b\n",
        "YAML",
        AZ,
    ),
    "az tsv": ("None\t/subscriptions/0\tvm-harbour\twesteurope\n", "tabs", AZ),
    "az error": (
        "ERROR: (ResourceNotFound) The Resource 'x' under resource group 'y' was not found.\n",
        "an error",
        "rpmatrix error",
    ),
    "Bicep": (
        "param location string = resourceGroup().location\n\n"
        "resource vm 'Microsoft.Compute/virtualMachines@2024-07-01' = {\n  name: 'vm'\n"
        "  tags: {}\n  zones: ['1']\n  dependsOn: [nic]\n}\n",
        "a Bicep file",
        "az bicep build",
    ),
    "Bicep parameters": (
        "using './main.bicep'\n\nparam name = 'vm'\n",
        "a Bicep file",
        "az bicep build",
    ),
    "HCL": (
        'resource "azurerm_linux_virtual_machine" "main" {\n  name = "vm"\n'
        '  network_interface_ids = ["${azurerm_network_interface.nic.id}"]\n'
        '  settings = <<JSON\n{"commandToExecute": "ls"}\nJSON\n  tags = {}\n}\n',
        "a configuration of Terraform",
        TERRAFORM,
    ),
    "HCL variables": ('variable "name" {\n  default = ["a"]\n}\n', "a configuration", TERRAFORM),
    "terraform plan": (
        "Terraform will perform the following actions:\n\n"
        "  # azurerm_managed_disk.data will be created\n"
        '  + resource "azurerm_managed_disk" "data" {\n      + id = (known after apply)\n    }\n',
        "terraform plan",
        TERRAFORM,
    ),
    "tofu plan": ("OpenTofu will perform the following actions:\n", "terraform plan", TERRAFORM),
    "terraform show": (
        '# azurerm_managed_disk.data:\nresource "azurerm_managed_disk" "data" {\n    id = "x"\n}\n',
        "terraform plan or show",
        TERRAFORM,
    ),
    "what-if": (
        "Note: The result may contain false positive predictions.\n\n"
        "Resource and property changes are indicated with these symbols:\n  + Create\n\n"
        "Scope: /subscriptions/0/resourceGroups/rg\n\n  + Microsoft.Compute/disks/d [2024-07-01]\n"
        "      properties.storageProfile.dataDisks: [\n        0:\n          lun: 0\n      ]\n",
        "what-if",
        "--no-pretty-print",
    ),
    "e-mail": (
        "From: a@example.org\nTo: b@example.org\nSubject: VMs\n\nSee attached.\n",
        "e-mail",
        "save",
    ),
    "web page": ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page", "save"),
    "XML": ('<?xml version="1.0"?>\n<vms/>', "XML", "give the JSON"),
    "Python": ("{'id': '/subscriptions/0', 'name': 'vm', 'zones': ['1']}", "Python", "json.dumps"),
    "Markdown": ("| id | name |\n|----|:----|\n| 1 | vm |\n", "Markdown", AZ),
    "ids": (f"{vm_id()}\n{disk_id('d')}\n", "resource ids", "az resource show"),
    "address": ("https://portal.azure.com/#@x/resource/y", "an address", "give what"),
}


def problem(inventory: Inventory) -> str:
    (one,) = inventory.problems
    assert not inventory.vms
    return one.message


@pytest.mark.parametrize(("content", "name", "remedy"), BINARY.values(), ids=BINARY)
def test_a_file_that_is_no_text_is_named(
    content: bytes, name: str, remedy: str, tmp_path: Path
) -> None:
    path = tmp_path / "given.json"
    path.write_bytes(content)
    message = problem(rp.read_inventory(path))
    assert name in message
    assert remedy in message
    assert problem(rp.read_inventory(content)) == message


@pytest.mark.parametrize(("content", "name", "remedy"), TEXT.values(), ids=TEXT)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_text_that_is_not_json_is_named(
    content: str, name: str, remedy: str, end: str, tmp_path: Path
) -> None:
    path = tmp_path / "given.txt"
    path.write_bytes(content.replace("\n", end).encode())
    message = problem(rp.read_inventory(path))
    assert name in message
    assert remedy in message


@pytest.mark.parametrize("content", [one[0] for one in TEXT.values()], ids=TEXT)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_beside_another_text_is_read(content: str, indent: int | None) -> None:
    record = json.dumps(vm(), indent=indent)
    for text in (f"{content}\n{record}\n", f"{record}\n\n{content}"):
        inventory = rp.read_inventory(text.encode())
        assert [one.name for one in inventory.vms] == ["vm-harbour"]
        assert inventory.vms[0].records[0].full


READABLE: dict[str, str] = {
    "coloured": '\x1b[37m{\x1b[0m\n  \x1b[94m"id"\x1b[0m: \x1b[33m"' + vm_id() + '"\x1b[0m\n}',
    "with comments": '// az vm show\n{"id": "'
    + vm_id()
    + '", /* no more */ "name": "vm-harbour",}',
    "after a warning": "WARNING: The behavior of this command has been altered.\n"
    + json.dumps(vm()),
    "after a prompt": "PS C:\\> Get-AzVM | ConvertTo-Json\n" + json.dumps(vm()),
    "with code in it": json.dumps(vm(tags={"note": 'resource "a" "b" {\nFrom: x\nTo: y\n'})),
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_json_is_read_whatever_stands_around_it(content: str) -> None:
    inventory = rp.read_inventory(content.encode())
    assert not inventory.problems
    assert len(inventory.vms) == 1
    assert not any("not read:" in note for note in inventory.notes)


@pytest.mark.parametrize(
    "content",
    [
        *(
            '{"id": "a", "name": ',
            '[{"id": "a"}, {"id"',
            "name,size\nvm,1",
            "hello there",
            "Note: x\n",
        ),
        *("id: a", "one\n---\ntwo", "a\tb", "[]", "{}", "BM is the name", "MM", "RIFF raff"),
    ],
)
def test_what_is_not_known_is_not_named(content: str) -> None:
    assert name_of_text(content) == ""
    assert name_of_file(content.encode()) == ""


def test_every_form_has_an_example() -> None:
    named = {name_of_file(content) for content, _, _ in BINARY.values()}
    named |= {name_of_text(content) for content, _, _ in TEXT.values()}
    names = {one.partition(", not ")[0] for one in named}
    rare = {
        "a RAR archive",
        "a tar archive",
        "a file compressed with zstd",
        "a file compressed with xz",
    }
    rare |= {"an SQLite database", "the overview page of the portal"}
    assert {form.name for form in (*FILES, *TEXTS)} - names == rare


def test_a_fleet_names_it_too(tmp_path: Path) -> None:
    from rpmatrix.fleet.result import assess_files

    (tmp_path / "vm.json").write_text(json.dumps(vm()))
    (tmp_path / "listing.txt").write_text(LISTING)
    (tmp_path / "picture.json").write_bytes(BINARY["png"][0])
    found = assess_files(tmp_path)
    messages = sorted(one.message for one in found.problems)
    assert ["PowerShell" in messages[0], "picture" in messages[1]] == [True, True]


def uploaded(panel: Any, *files: tuple[str, bytes]) -> Inventory:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    about = {"type": "", "last_modified": made}
    panel.controls["upload"].value = tuple(
        {**about, "name": name, "size": len(content), "content": memoryview(content)}
        for name, content in files
    )
    found: Inventory = panel.inventory
    return found


def test_a_panel_names_what_is_uploaded() -> None:
    panels = pytest.importorskip("rpmatrix.panels.panels")
    panel = panels.EligibilityPanel()
    files = [("screen.png", BINARY["png"][0]), ("vm.json", json.dumps(vm()).encode())]
    inventory = uploaded(panel, *files)
    assert [one.name for one in inventory.vms] == ["vm-harbour"]
    assert "screen.png: a picture" in inventory.problems[0].message
    assert "PowerShell" in problem(uploaded(panel, ("vm.txt", LISTING.encode())))


def test_the_document_names_the_commands_that_the_problems_name() -> None:
    document = (Path(__file__).resolve().parents[1] / "docs/inputs.md").read_text(encoding="utf-8")
    for command in (TERRAFORM, POWERSHELL, "az bicep build", "pulumi stack export"):
        assert command in document
