"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_file(path: Path, text: str) -> None:
    """Write a text file in one step, so that a crash leaves the old one or the new one.

    Raises
    ------
    OSError
        If the file cannot be written; what was there has stayed.
    """
    write_files({path: text.encode()})


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, each in one step, and none of them before all are ready beside the old ones.

    Parameters
    ----------
    contents : mapping of Path to bytes
        What each file is to hold.

    Raises
    ------
    OSError
        If a file cannot be written. If one cannot be made ready, as on a full disk, all of what
        was there has stayed.
    """
    # Where the name is a link, the file behind it is what is written.
    targets = {path.resolve(): data for path, data in contents.items()}
    beside = {target: target.with_name(f".{target.name}.{os.getpid()}.tmp") for target in targets}
    try:
        for target, data in targets.items():
            with beside[target].open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                beside[target].chmod(target.stat().st_mode & 0o7777)
        for target in targets:
            beside[target].replace(target)
    finally:
        for made in beside.values():
            made.unlink(missing_ok=True)
