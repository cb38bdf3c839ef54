"""How long one verdict takes, as ratios measured side by side in one run.

python benchmarks/one_vm.py

Cold: a new process of `rpmatrix assess vm.json` against a new process that only imports pandas,
turn by turn, so that what else the machine does falls on both. Warm: a verdict in a process that
has loaded the matrix, from the JSON object and from facts that are read already.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rpmatrix as rp
from rpmatrix.eligibility import Evaluator

ROUNDS = 5
COMPUTE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000"
    "/resourceGroups/rg-benchmark/providers/Microsoft.Compute"
)


def vm(data_disks: int = 2) -> dict[str, Any]:
    """Make a VM as the Azure CLI shows it: Ubuntu, Premium SSD, data disks of two kinds."""
    skus = ("UltraSSD_LRS", "Premium_LRS")
    return {
        "id": f"{COMPUTE}/virtualMachines/vm-1",
        "name": "vm-1",
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "resourceGroup": "rg-benchmark",
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "provisioningState": "Succeeded",
        "storageProfile": {
            "imageReference": {
                "publisher": "Canonical",
                "offer": "0001-com-ubuntu-server-jammy",
                "sku": "22_04-lts-gen2",
                "version": "latest",
            },
            "osDisk": {
                "name": "vm-1-os",
                "osType": "Linux",
                "caching": "ReadWrite",
                "createOption": "FromImage",
                "managedDisk": {
                    "id": f"{COMPUTE}/disks/vm-1-os",
                    "storageAccountType": "Premium_LRS",
                },
            },
            "dataDisks": [
                {
                    "lun": lun,
                    "name": f"vm-1-data-{lun}",
                    "caching": "None",
                    "createOption": "Attach",
                    "managedDisk": {
                        "id": f"{COMPUTE}/disks/vm-1-data-{lun}",
                        "storageAccountType": skus[lun % len(skus)],
                    },
                }
                for lun in range(data_disks)
            ],
        },
    }


def cold(commands: Sequence[Sequence[str]]) -> list[list[float]]:
    """Run the commands by turns, each in a new process; give the seconds of each."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    taken: list[list[float]] = [[] for _ in commands]
    # Round 0 writes the bytecode and fills the file cache, as a first use does; it is not counted.
    for round_ in range(ROUNDS + 1):
        for place, command in enumerate(commands):
            start = time.perf_counter()
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            if round_:
                taken[place].append(time.perf_counter() - start)
    return taken


def warm(call: Callable[[], object], number: int) -> float:
    """Give the median of the milliseconds that a call takes, over as many rounds as above."""
    call()
    found = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(number):
            call()
        found.append((time.perf_counter() - start) / number * 1000)
    return statistics.median(found)


def main() -> None:
    """Measure, and print the lines of the README beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vm.json"
        path.write_text(json.dumps(vm()), encoding="utf-8")
        assess = [sys.executable, "-m", "rpmatrix", "assess", str(path)]
        taken = cold(
            [
                [sys.executable, "-c", "import pandas"],
                assess,
                [*assess, "--json"],
                [sys.executable, "-c", "pass"],
            ]
        )
    pandas, table, as_json, bare = (statistics.median(one) for one in taken)
    matrix = rp.load_matrix()
    payload = vm()
    evaluator = Evaluator(matrix)
    facts = evaluator.read(rp.read_inventory(payload).vms[0])
    from_json = warm(lambda: rp.assess(rp.read_inventory(payload), matrix), 200)
    from_facts = warm(lambda: evaluator.verdicts(facts), 1000)

    def cold_line(command: str, seconds: float) -> str:
        return f"  {command:<32} {seconds * 1000:6.0f} ms   {seconds / pandas:.2f}"

    lines = [
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"cold, median of {ROUNDS}, and the ratio to the first line:",
        cold_line('python -c "import pandas"', pandas),
        cold_line("rpmatrix assess vm.json", table),
        cold_line("rpmatrix assess vm.json --json", as_json),
        cold_line("python -c pass", bare),
        f"warm, median of {ROUNDS}, both verdicts of one VM with {len(facts.disks)} disks:",
        f"  {'JSON object to verdicts':<32} {from_json:6.3f} ms",
        f"  {'facts to verdicts':<32} {from_facts:6.3f} ms",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
