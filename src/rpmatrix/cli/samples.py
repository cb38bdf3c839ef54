"""The command that makes samples: one synthetic VM, or a fleet of them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from rpmatrix.cli.fleet import progress_shown
from rpmatrix.cli.shell import (
    FINE,
    Page,
    Subcommand,
    UsageError,
    add_output,
    output,
    print_json,
    printable,
)


def run_sample(arguments: argparse.Namespace) -> int:
    """Print a sample, or the list of them; or write a fleet of synthetic VMs."""
    from rpmatrix.inventory.samples import sample_names, sample_title, sample_vm

    if arguments.fleet is not None:
        return _write_sample_fleet(arguments)
    with output(arguments.output) as stream:
        if arguments.name is None:
            Page(stream).entries(((name, sample_title(name)) for name in sample_names()), indent=0)
            return FINE
        try:
            print_json(sample_vm(arguments.name), stream)
        except LookupError as error:
            raise UsageError(str(error.args[0])) from error
    return FINE


def _write_sample_fleet(arguments: argparse.Namespace) -> int:
    if arguments.name is not None:
        raise UsageError(f"--fleet makes VMs of many kinds; leave {arguments.name!r} away")
    client, layout = arguments.client, arguments.layout
    write_sample_fleet(arguments.fleet, arguments.output, sys.stdout, client=client, layout=layout)
    return FINE


def write_sample_fleet(
    vms: int, out: str | None, stream: IO[str], *, client: str, layout: str
) -> None:
    """Write a synthetic fleet into a folder, or as lines of JSON.

    Parameters
    ----------
    vms : int
        How many VMs.
    out : str or None
        The folder; without one, lines of JSON go to `stream`.
    stream
        Where lines go.
    client, layout : str
        As for :func:`rpmatrix.fleet.samples.write_fleet`.
    """
    from rpmatrix.fleet.samples import sample_fleet, write_fleet

    if out is None:
        with _making(vms, hidden=stream.isatty()) as made:
            for number, (vm, disks) in enumerate(sample_fleet(vms, client=client), start=1):
                for record in (vm, *disks):
                    stream.write(f"{json.dumps(record)}\n")
                made(number)
        return
    try:
        with _making(vms) as made:
            written = write_fleet(out, vms, client=client, layout=layout, progress=made)
    except OSError as error:
        raise UsageError(f"cannot write into {out!r}: {error.strerror or error}") from error
    stream.write(f"written: {' and '.join(printable(str(path)) for path in written)}\n")


# --- how far it is --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """How many VMs of a synthetic fleet are made."""

    vms: int
    of: int
    seconds: float

    @property
    def share(self) -> float:
        return self.vms / self.of

    def __str__(self) -> str:
        left = self.seconds / self.share - self.seconds
        wait = f", {left:.0f} s left" if self.vms < self.of else ""
        return f"{self.vms:,} of {self.of:,} VMs made{wait}"


@contextmanager
def _making(vms: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """Give what shows how many VMs are made; hidden where a bar would run into what is printed."""
    if hidden:
        yield lambda number: None
        return
    start = time.monotonic()
    with progress_shown("making VMs") as told:

        def made(number: int) -> None:
            if number % _VMS_BETWEEN_UPDATES == 0:
                told(_Made(number, vms, time.monotonic() - start))

        yield made


_VMS_BETWEEN_UPDATES: Final = 100


# --- what it takes --------------------------------------------------------------------------------


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _sample_arguments(parser: argparse.ArgumentParser) -> None:
    from rpmatrix.fleet.samples import CLIENTS, LAYOUTS

    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; a list if left out")
    parser.add_argument(
        "--fleet",
        type=_positive,
        metavar="VMS",
        help="make so many VMs with their disks; --output names a folder for their files, "
        "without it they are printed as lines of JSON",
    )
    parser.add_argument(
        "--client", choices=CLIENTS, default=CLIENTS[0], help="whose output a fleet looks like"
    )
    parser.add_argument(
        "--layout", choices=LAYOUTS, default=LAYOUTS[0], help="how the files of a fleet are written"
    )
    add_output(parser)


SUBCOMMANDS: Final = {
    "sample": Subcommand(
        _sample_arguments,
        run_sample,
        """\
  rpmatrix sample                                      (lists the names)
  rpmatrix sample sql-with-ultra-data-disk | rpmatrix assess -
  rpmatrix sample --fleet 2000 --output exports/""",
        """
For a first try without an Azure account, and for workshops.""",
    ),
}
