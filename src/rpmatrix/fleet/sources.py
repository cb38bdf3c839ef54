"""Large inputs of records, as values that are read one by one and found again by their number.

A list in JSON, lines of JSON, and tables are opened as a :class:`Source`: what they hold stays in
the file, and only where each value stands is in memory. Whatever is packed, written in another
encoding or a table is first written anew as lines of JSON, to a file that is deleted afterwards.
Any other input is left to the ordinary reader.
"""

from __future__ import annotations

import codecs
import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

import msgspec
import pyarrow as pa

from rpmatrix.inventory.inventory import read_inventory
from rpmatrix.inventory.records import Problem, Record, pages_left
from rpmatrix.inventory.terraform import is_resource
from rpmatrix.inventory.texts import (
    decode,
    parse_json,
    parse_json_at,
    read_cell,
    storable,
    table_rows,
)

Json = Any

PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
# About how many bytes are parsed at a time.
_BLOCK: Final = 16 << 20


def arrow_texts(cells: Iterable[str | None]) -> pa.Array:
    """Give texts as Arrow takes them: half a letter, as broken escapes give, becomes a mark."""
    texts = list(cells)
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([None if one is None else storable(one) for one in texts], pa.string())


class BrokenError(ValueError):
    """What seemed to be values one after the other is not; the ordinary reader must read it."""


class Chunk:
    """Some values that stand one after the other.

    Parameters
    ----------
    view : memoryview
        The values, with what parts them.
    in_lines : bool
        Whether each stands on a line of its own; else commas part them.
    made_here : bool
        Whether they were written by this module.
    """

    def __init__(self, view: Any, in_lines: bool, made_here: bool = False) -> None:
        self.size = len(view)
        self.in_lines = in_lines
        self._made_here = made_here
        self._view = view

    @cached_property
    def text(self) -> bytes:
        """The values as objects, one after the other: lines, or one object that holds a list."""
        return bytes(self._view) if self.in_lines else b"".join((_BEGIN, self._view, _END))

    def first(self) -> Json:
        """Give the first value, parsed; None if there is none."""
        for length in (_USUAL, _LONGEST):
            text = bytes(self._view[:length]).decode(errors="replace").lstrip()
            try:
                value, _ = parse_json_at(text, 0)
            except (ValueError, RecursionError):
                continue
            return value
        return None

    def look_over(self) -> None:
        """See whether the values are plain text.

        Raises
        ------
        BrokenError
            If they are not, so that the ordinary reader must read them.
        """
        text = self.text
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError as error:
                raise BrokenError(str(error)) from None
        if self._are_lines_as_given and (b"\x1b" in text or b"&quot;" in text):
            raise BrokenError("the text is marked up")

    @property
    def _are_lines_as_given(self) -> bool:
        return self.in_lines and not self._made_here

    def listed(self) -> memoryview | None:
        """Return the values as a list in JSON; None if they stand on lines."""
        return None if self.in_lines else self._listed()

    def _listed(self) -> memoryview:
        return memoryview(self.text)[len(_BEGIN) - 1 : 1 - len(_END)]

    def count_of_lines(self) -> int:
        """Give how many lines there are."""
        return self.text.count(b"\n") + (self.text[-1:] != b"\n")

    def values(self) -> list[bytes]:
        """Give the values, each as it stands.

        Raises
        ------
        BrokenError
            If it is no sequence of values.
        """
        try:
            if self.in_lines:
                found: Any = _ANY.decode_lines(self.text)
            else:
                found = _VALUES.decode(self._listed())
        except (msgspec.DecodeError, RecursionError) as error:
            raise BrokenError(str(error)) from None
        values = list(map(bytes, found))
        if self._are_lines_as_given:
            if len(values) != self.count_of_lines():
                raise BrokenError("there are blank lines, and places are counted in lines")
            if not all(value.startswith(b"{") for value in values):
                raise BrokenError("there is other text between the lines")
        return values


_BEGIN, _END = b'{"":[', b"]}"
# The longest record that is looked at to tell what a chunk holds.
_LONGEST: Final = 1 << 20
_USUAL: Final = 1 << 14


class Source:
    """Values, each the JSON of a record as a rule, numbered from 0 on.

    Parameters
    ----------
    name : str
        The name of the input, for people.
    text : memoryview
        A list with its brackets, or lines.
    place : callable
        Tells where in the input a value stands, by its number.
    in_lines : bool
        Whether the text is lines.
    projected : bool
        Whether they are rows of which columns were chosen, so that a record may not be whole.
    made_here : bool
        Whether this module wrote the text.
    """

    def __init__(
        self,
        name: str,
        text: Any,
        place: Callable[[int], str],
        *,
        in_lines: bool = False,
        projected: bool = False,
        made_here: bool = False,
    ) -> None:
        self.name = name
        self.place = place
        self.projected = projected
        self.size = len(text)
        self._text = text
        self._in_lines = in_lines
        self._made_here = made_here

    @cached_property
    def _values(self) -> list[msgspec.Raw]:
        decoder: Any = _ANY.decode_lines if self._in_lines else _VALUES.decode
        try:
            found: list[msgspec.Raw] = decoder(self._text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BrokenError(str(error)) from None
        return found

    def chunks(self, *, exactly: bool = False) -> Iterator[Chunk]:
        """Give the values in chunks of some megabytes.

        Parameters
        ----------
        exactly : bool
            Look at every value first. Otherwise a list is cut where a line ends as the first
            value's does, which may be inside of one in a text that is written by hand.
        """
        if self._in_lines:
            yield from self._cut(0, len(self._text), b"\n", 0)
            return
        inside = bytes(self._text[1:200])
        lead = re.match(rb"\r?\n[ \t]*(?=\{)", inside)
        if exactly or lead is None:
            values = self._values
            step = max(1, len(values) * _BLOCK // max(len(self._text), 1))
            for first in range(0, len(values), step):
                yield Chunk(b",".join(values[first : first + step]), False)
            return
        yield from self._cut(1, len(self._text) - 1, b"}," + lead[0] + b"{", 1)

    def _cut(self, start: int, end: int, mark: bytes, kept: int) -> Iterator[Chunk]:
        while start < end:
            wide = start + _BLOCK
            cut = -1
            while cut < 0 and wide < end:
                # Found in a copy of the text around the place: records are shorter than that.
                near = bytes(self._text[wide : min(wide + _LONGEST, end)])
                at = near.find(mark)
                cut, wide = (wide + at if at >= 0 else -1), wide + _LONGEST - len(mark)
            stop = end if cut < 0 else cut + kept
            yield Chunk(self._text[start:stop], self._in_lines, self._made_here)
            start = stop + 1

    def value(self, number: int) -> Json:
        """Give one value, parsed."""
        return parse_json(str(bytes(self._values[number]), "utf-8", "replace"))


@dataclass
class Opened:
    """What an input holds.

    Attributes
    ----------
    name : str
        The name of the input.
    source : Source or None
        Its values, if they can be read one by one.
    records, problems, notes
        What was read of it in the ordinary way, and what else there is to say.
    ordinarily : callable
        Reads the input in the ordinary way, whatever it seems to hold.
    """

    name: str
    source: Source | None = None
    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ordinarily: Callable[[], Opened] | None = None


def open_file(path: Path) -> Opened:
    """Open a file of records in any form: JSON, NDJSON, CSV, Parquet, packed or not."""
    name = str(path)
    try:
        with path.open("rb") as given:
            beginning = given.read(_HEAD)
            packing = next((kind for mark, kind in _MARKS if beginning.startswith(mark)), None)
            if packing is None:
                found = _opened(name, given, beginning)
            else:
                with pa.input_stream(str(path), compression=packing) as stream:
                    file = _written(_stream_blocks(stream))
                found = _opened(name, file, file.read(_HEAD))
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        found = Opened(name, problems=[Problem(name, "", "", f"cannot be read ({reason})")])
    return found


def _opened(name: str, file: BinaryIO, beginning: bytes) -> Opened:
    file.seek(0)
    if beginning.startswith(b"PAR1"):
        return open_rows(name, _parquet_rows(file))
    return _text(name, file)


_HEAD: Final = 4096
_MARKS: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"))


def _stream_blocks(stream: Any) -> Iterator[bytes]:
    """Give what a stream holds, block by block."""
    while block := bytes(stream.read(_BLOCK)):
        yield block


def _written(blocks: Iterable[bytes]) -> BinaryIO:
    """Write blocks to a file that is gone when nobody reads it any more."""
    file = TemporaryFile("w+b")  # noqa: SIM115 - what is mapped from it outlives this function
    for block in blocks:
        file.write(block)
    file.flush()
    file.seek(0)
    return file


def _text(name: str, file: BinaryIO) -> Opened:
    """Open a text: a list, an answer that holds one, lines, a table, or anything else."""
    given = _mapped(file)
    whole = given
    if not _seems_plain(bytes(whole[:_HEAD])):
        try:
            written = decode(bytes(whole)).lstrip("\ufeff").encode()
        except UnicodeError:
            return _ordinary(name, bytes(whole))
        whole = _mapped(_written([written]))
    end = len(whole)
    while end and whole[end - 1] in _BLANK:
        end -= 1
    whole = whole[:end]
    start = next((at for at in range(min(len(whole), _HEAD)) if whole[at] not in _BLANK), 0)
    first = bytes(whole[start : start + 1])
    found: Opened | None = None
    if first in (b"[", b"{") and _is_of_terraform(whole[start:]):
        # Its resources tell something together alone.
        return _ordinary(name, bytes(given))
    if first == b"[":
        found = _list(name, whole[start:])
    elif first == b"{":
        found = _answer(name, whole) or _lines(name, whole, start)
    elif len(whole):
        found = _table(name, whole)
    if found is None:
        return _ordinary(name, bytes(given))
    return replace(found, ordinarily=lambda: _ordinary(name, bytes(given)))


def _is_of_terraform(whole: Any) -> bool:
    """Tell resources of a plan or a state one after the other, by the first of them."""
    text = bytes(whole[:_LONGEST]).decode(errors="replace").lstrip("[ \t\r\n")
    try:
        value, _ = parse_json_at(text, 0)
    except (ValueError, RecursionError):
        return False
    return is_resource(value)


def _table(name: str, whole: Any) -> Opened | None:
    """Open a table whose rows are records."""
    table = table_rows(codecs.iterdecode(_mapped_lines(whole), "utf-8"))
    if table is None:
        return None
    projected, rows = table
    try:
        return open_rows(name, rows, projected=projected)
    except UnicodeDecodeError:
        return None


_BLANK: Final = b" \t\r\n"


def _mapped(file: BinaryIO) -> Any:
    """Map a file into memory, as something that is read only where it is looked at."""
    file.seek(0, 2)
    if not file.tell():
        return b""
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _mapped_lines(whole: Any) -> Iterator[bytes]:
    mapped = whole.obj
    mapped.seek(0)
    while line := mapped.readline():
        yield line


def _seems_plain(beginning: bytes) -> bool:
    """Tell UTF-8 without a mark; what is not shows by its beginning, or when it is parsed."""
    marked = beginning.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
    return not marked and not beginning[:200].count(0)


_VALUES: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)


def _list(name: str, whole: Any) -> Opened:
    return Opened(name, Source(name, whole, lambda number: f"/{number}"))


# Keys with which an answer is not, or not only, a list of records.
_NOT_A_LIST: Final = frozenset(
    {
        *("id", "type", "properties", "template", "resources", "contentversion", "$schema"),
        *("responses", "log", "columns", "rows", "status", "response", "request"),
        *("response_body", "request_body", "responsebody", "requestbody"),
    }
)
_LISTS: Final = ("value", "data")


def _answer(name: str, whole: Any) -> Opened | None:
    """Open an answer that holds a list of records, as REST and Resource Graph give it."""
    try:
        members = _MEMBERS.decode(whole)
    except (msgspec.DecodeError, RecursionError):
        return None
    names = {key.lower(): key for key in members}
    if len(names) < len(members) or _NOT_A_LIST & names.keys():
        return None
    held = next((names[one] for one in _LISTS if one in names), None)
    if held is None or bytes(members[held])[:1] != b"[":
        return None
    source = Source(name, memoryview(members[held]), lambda number: f"/{held}/{number}")
    others = {
        key: parse_json(str(bytes(one), "utf-8", "replace"))
        for key, one in members.items()
        if key != held
    }
    paged = {**others, held: []}
    unpaged = list(pages_left(paged, names, None))
    # How many there are is only counted where the answer says how many were found.
    told = list(pages_left(paged, names, 0)) if len(paged) > 1 else unpaged
    if len(told) > len(unpaged):
        told = list(pages_left(paged, names, len(_VALUES.decode(members[held]))))
    return Opened(name, source, notes=[f"{name}: {note}" for note in told])


def _lines(name: str, whole: Any, start: int) -> Opened | None:
    """Open lines that hold an object each, and nothing else."""
    end = bytes(whole[:_LONGEST]).find(b"\n")
    first = bytes(whole[: end if end >= 0 else len(whole)])
    try:
        if start or not isinstance(msgspec.json.decode(first), dict):
            return None
    except (msgspec.DecodeError, RecursionError):
        return None
    return Opened(name, Source(name, whole, _line_place, in_lines=True))


def _line_place(number: int) -> str:
    return f"line {number + 1}" if number else ""


def open_rows(
    name: str, rows: Iterable[tuple[str, Mapping[str, Json] | str]], *, projected: bool = False
) -> Opened:
    """Open rows of a table: each its place, and the record or what is wrong with it."""
    problems: list[Problem] = []
    places: list[str] = []

    def lines() -> Iterator[bytes]:
        for place, row in rows:
            if isinstance(row, str):
                problems.append(Problem(name, place, "", row))
                continue
            places.append(place)
            yield msgspec.json.encode(row) + b"\n"

    whole = _mapped(_written(lines()))
    source = Source(
        name, whole, places.__getitem__, in_lines=True, projected=projected, made_here=True
    )
    return Opened(name, source, problems=problems)


def _parquet_rows(file: BinaryIO) -> Iterator[tuple[str, dict[str, Json]]]:
    import pyarrow.parquet as pq

    yield from arrow_rows(pq.ParquetFile(file).iter_batches(4096))


def arrow_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Give rows of Arrow as records, each with its place.

    An object of Arrow has every key that any other has: those with nothing under them are left
    out, for in most records they are not there.
    """
    for place, row in value_rows(row for batch in batches for row in batch.to_pylist()):
        yield place, {key: _without_nothing(value) for key, value in row.items()}


def _without_nothing(value: Json) -> Json:
    if isinstance(value, dict):
        inner = ((key, _without_nothing(child)) for key, child in value.items())
        return {key: child for key, child in inner if child is not None}
    return [_without_nothing(child) for child in value] if isinstance(value, list) else value


def value_rows(rows: Iterable[Mapping[Any, Any]]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Give rows of values of any type as records, each with its place.

    A cell that holds JSON stands for it, a missing value of any kind for nothing, and a whole
    number for itself although its column is one of floats.
    """
    for number, row in enumerate(rows, start=1):
        cells = {
            str(key): read_cell(value) if isinstance(value, str) else _as_json(value)
            for key, value in row.items()
        }
        yield f"row {number}", cells


def _as_json(value: Any) -> Json:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if value != value else int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(key): _as_json(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(child) for child in value]
    if hasattr(value, "tolist"):  # an array, or a number, of numpy
        return _as_json(value.tolist())
    return None if _is_no_value(value) else str(value)


def _is_no_value(value: Any) -> bool:
    """Tell a missing value: it is not even equal to itself, or refuses to say so."""
    try:
        return not bool(value == value)
    except (TypeError, ValueError):
        return True


def _ordinary(name: str, whole: bytes) -> Opened:
    """Read an input in the ordinary way, all of it at once."""
    found = read_inventory(whole)
    called = next(iter(found.digests), "pasted text 1")

    def renamed(text: str) -> str:
        return f"{name}{text.removeprefix(called)}"

    records = [
        replace(one, file=name, key=renamed(one.key) if one.key.startswith(called) else one.key)
        for one in found.records
    ]
    return Opened(
        name,
        None,
        records,
        [replace(one, file=name) for one in found.problems],
        [renamed(note) for note in found.notes],
    )
