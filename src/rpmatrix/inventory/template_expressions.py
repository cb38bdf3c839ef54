"""Expressions of ARM templates, evaluated as far as literals go.

``[concat('data-', parameters('name'))]`` has a value where the parameter has one. What depends on
anything else, such as the state of Azure, stays open: an `Open` value, which knows how it would be
written. Nothing is fetched, nothing runs, and the work is bounded: a hostile template costs little.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = Any

MOST_STEPS: Final = 20_000
"""Steps that one template may take; what needs more stays open."""
MOST_PARTS: Final = 200_000
"""Parts of one template, loops written out, that are looked at; what is beyond stays as it is."""
MOST_DEPTH: Final = 60
MOST_LENGTH: Final = 100_000


@dataclass(frozen=True, slots=True)
class Open:
    """A value that is not known; `text` is the expression that stands for it."""

    text: str


class ExpressionError(ValueError):
    """An expression that cannot be read, or that asks for too much."""


# --- reading ------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<sign>[(),\[\].]))"
)


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of an expression: a literal, a call, or a step into a value."""

    kind: str
    value: Any = None
    parts: tuple[_Node, ...] = ()


def _tokens(source: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(source) and source[position:].strip():
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"not an expression: {source[position : position + 20]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = _tokens(source)
        self._at = 0

    def parse(self) -> _Node:
        node = self._expression(0)
        if self._at < len(self._tokens):
            raise ExpressionError("something follows the end of the expression")
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, sign: str = "") -> tuple[str, str]:
        token = self._peek()
        if token[0] == "end" or (sign and token[1] != sign):
            raise ExpressionError(f"{sign or 'a value'} is missing")
        self._at += 1
        return token

    def _expression(self, depth: int) -> _Node:
        if depth > MOST_DEPTH:
            raise ExpressionError("nested too deeply")
        kind, text = self._take()
        if kind == "text":
            node = _Node("literal", text[1:-1].replace("''", "'"))
        elif kind == "number":
            node = _Node("literal", float(text) if "." in text else int(text))
        elif kind == "name" and self._peek()[1] == "(":
            node = _Node("call", text.lower(), tuple(self._arguments(depth)))
        elif kind == "name" and text.lower() in _WORDS:
            node = _Node("literal", _WORDS[text.lower()])
        else:
            raise ExpressionError(f"{text!r} is no value")
        while self._peek()[1] in (".", "["):
            if self._take()[1] == ".":
                for step in self._take()[1].split("."):
                    node = _Node("step", None, (node, _Node("literal", step)))
            else:
                node = _Node("step", None, (node, self._expression(depth + 1)))
                self._take("]")
        return node

    def _arguments(self, depth: int) -> Iterator[_Node]:
        self._take("(")
        while self._peek()[1] != ")":
            yield self._expression(depth + 1)
            if self._peek()[1] == ",":
                self._take(",")
            elif self._peek()[1] != ")":
                raise ExpressionError("a comma is missing")
        self._take(")")


_WORDS: Final[Mapping[str, Json]] = {"true": True, "false": False, "null": None}


# --- evaluating ---------------------------------------------------------------------------------


class Scope:
    """What an expression may refer to.

    Parameters
    ----------
    parameters, variables : mapping of str to JSON
        By lower-case name; values may be expressions themselves.
    resource_id : callable
        Makes the id of a resource from its type and the parts of its name, which may be open.
    loops : mapping of str to int
        The number of the round of each copy loop around, by name; the innermost also by ``""``.
    """

    def __init__(
        self,
        parameters: Mapping[str, Json],
        variables: Mapping[str, Json],
        resource_id: Callable[[Sequence[str]], str],
        loops: Mapping[str, int] | None = None,
    ) -> None:
        self._parameters = parameters
        self._variables = variables
        self._resource_id = resource_id
        self._loops = dict(loops or {})
        self._running: set[str] = set()
        self._done: dict[str, Json] = {}
        # Steps of expressions and parts of the template so far, shared by all rounds of loops.
        self._steps = [0, 0]

    def in_loop(self, name: str, number: int) -> Scope:
        """Return the same scope in one round of a copy loop."""
        inner = Scope(
            self._parameters,
            self._variables,
            self._resource_id,
            {**self._loops, name.lower(): number, "": number},
        )
        inner._steps = self._steps
        return inner

    def resolve(self, value: Json) -> Json:
        """Return a value with every expression in it replaced by what it stands for.

        An expression that stays open is left as it is written.
        """
        return self._resolve(value, 0)

    def _resolve(self, value: Json, depth: int) -> Json:
        self._steps[1] += 1
        if depth > MOST_DEPTH or self._steps[1] > MOST_PARTS:
            return value
        if isinstance(value, str):
            if not is_expression(value):
                return value
            found = self.value_of(value)
            return value if isinstance(found, Open) else found
        if isinstance(value, list):
            return [self._resolve(child, depth + 1) for child in value]
        if isinstance(value, dict):
            return self._object(value, depth)
        return value

    def _object(self, value: Mapping[str, Json], depth: int) -> dict[str, Json]:
        """Resolve an object, and the loops over its properties of which the count is known."""
        found: dict[str, Json] = {}
        for key, child in value.items():
            if str(key).lower() == "copy" and isinstance(child, list):
                waiting = [loop for loop in child if not self._unroll(loop, found, depth)]
                if waiting:
                    found[key] = waiting
            else:
                name = self.value_of(key) if is_expression(key) else key
                shown = name if isinstance(name, str) else key
                found[shown] = self._resolve(child, depth + 1)
        return found

    def _unroll(self, loop: Json, into: dict[str, Json], depth: int) -> bool:
        """Write out a loop over a property; return whether its count is known."""
        if not isinstance(loop, dict) or not isinstance(loop.get("name"), str):
            return False
        count = self.count_of(loop.get("count"))
        if count is None:
            return False
        name = loop["name"]
        into[name] = [
            self.in_loop(name, number)._resolve(loop.get("input"), depth + 1)
            for number in range(count)
            if self._steps[1] <= MOST_PARTS
        ]
        return self._steps[1] <= MOST_PARTS

    def count_of(self, value: Json) -> int | None:
        """Return how often a loop runs; None if that is open, or more than is reasonable."""
        found = self.value_of(value) if is_expression(value) else value
        if type(found) is not int or not 0 <= found <= MOST_ROUNDS:
            return None
        return found

    def value_of(self, expression: str) -> Json:
        """Return what an expression stands for, or an `Open` value."""
        try:
            if len(expression) > MOST_LENGTH:
                raise ExpressionError("too long")
            return self._value(_Parser(expression.strip()[1:-1]).parse())
        except (
            ExpressionError,
            RecursionError,
            TypeError,
            ValueError,
            LookupError,
            ArithmeticError,
        ):
            return Open(" ".join(expression.strip()[1:-1].split()).lower()[:200])

    def _value(self, node: _Node) -> Json:
        self._steps[0] += 1
        if self._steps[0] > MOST_STEPS:
            raise ExpressionError("asks for too much")
        if node.kind == "literal":
            return node.value
        if node.kind == "step":
            return self._step(self._value(node.parts[0]), self._value(node.parts[1]))
        return self._call(node.value, node.parts)

    def _step(self, holder: Json, key: Json) -> Json:
        if isinstance(holder, Open) or isinstance(key, Open):
            return _open(f"{_written(holder)}[{_written(key)}]")
        if isinstance(holder, dict) and isinstance(key, str):
            lowered = {str(name).lower(): name for name in holder}
            return self._resolved(holder[lowered[key.lower()]])
        if isinstance(holder, list) and type(key) is int and 0 <= key < len(holder):
            return self._resolved(holder[key])
        raise ExpressionError(f"there is no {key!r}")

    def _call(self, name: str, arguments: Sequence[_Node]) -> Json:
        name = name.removeprefix("sys.")
        if name == "if" and len(arguments) == 3:
            test = self._value(arguments[0])
            if not isinstance(test, Open):
                return self._value(arguments[1 if test else 2])
        values = [self._value(argument) for argument in arguments]
        if name in ("parameters", "variables") and len(values) == 1 and isinstance(values[0], str):
            return self._named(name, values[0].lower())
        if name in _IDS:
            return self._resource_id([*_IDS[name], *map(_in_id, values)])
        if name == "copyindex":
            return self._copy_index(values)
        if any(isinstance(value, Open) for value in values) or name not in _FUNCTIONS:
            return _open(f"{name}({','.join(map(_written, values))})")
        found = _FUNCTIONS[name](*values)
        if isinstance(found, str | list) and len(found) > MOST_LENGTH:
            raise ExpressionError("too long")
        return found

    def _named(self, kind: str, name: str) -> Json:
        mark = f"{kind}('{name}')"
        if mark in self._done:
            return self._done[mark]
        holder = self._parameters if kind == "parameters" else self._variables
        if name not in holder or mark in self._running or isinstance(holder[name], Open):
            return Open(mark)
        self._running.add(mark)
        try:
            found = self._resolved(holder[name], mark)
        finally:
            self._running.discard(mark)
        self._done[mark] = found
        return found

    def _resolved(self, value: Json, mark: str = "") -> Json:
        """Return a value of a parameter or a variable, which may be an expression itself."""
        if is_expression(value):
            return self.value_of(value)
        found = self._resolve(value, 0)
        return found if found is not None or not mark else None

    def _copy_index(self, values: Sequence[Json]) -> Json:
        named = [value.lower() for value in values if isinstance(value, str)]
        offsets = [value for value in values if type(value) is int]
        name = named[0] if named else ""
        if name not in self._loops:
            return Open(f"copyindex({','.join(map(_written, values))})")
        return self._loops[name] + sum(offsets)


MOST_ROUNDS: Final = 800
"""Rounds that a copy loop may have; Azure allows no more resources in one template."""


def is_expression(value: Json) -> bool:
    """Return whether a text is an expression: in brackets, of which the first is not doubled."""
    return (
        isinstance(value, str)
        and value.startswith("[")
        and value.endswith("]")
        and not value.startswith("[[")
    )


def _written(value: Json) -> str:
    if isinstance(value, Open):
        return value.text
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _open(text: str) -> Open:
    """Return an open value; a long expression is named by its beginning and a digest."""
    if len(text) > _LONGEST_OPEN:
        digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
        text = f"{text[: _LONGEST_OPEN // 2]}...{digest}"
    return Open(text)


_LONGEST_OPEN: Final = 240


def _in_id(value: Json) -> str:
    """Return a part of an id; braces stand for what is open."""
    return f"{{{value.text.replace('/', '|')}}}" if isinstance(value, Open) else str(value)


_IDS: Final[Mapping[str, tuple[str, ...]]] = {
    "resourceid": (),
    "subscriptionresourceid": ("subscription:",),
    "tenantresourceid": ("tenant:",),
    "extensionresourceid": ("extension:",),
}


# --- functions ----------------------------------------------------------------------------------


def _concat(*values: Json) -> Json:
    if values and all(isinstance(value, list) for value in values):
        return [member for value in values for member in value]
    return "".join(_text(value) for value in values)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ExpressionError("no text")


def _format(pattern: str, *values: Json) -> str:
    def filled(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        number = values[int(match[1])]
        form = (match[2] or "").lower()
        if form.startswith("d") and type(number) is int:
            return f"{number:0{int(form[1:] or 1)}d}"
        if form:
            raise ExpressionError("a form that is not known")
        return _text(number)

    return re.sub(r"\{\{|\}\}|\{(\d{1,3})(?::([A-Za-z]\d*))?\}", filled, pattern)


def _union(*values: Json) -> Json:
    if all(isinstance(value, dict) for value in values):
        merged: dict[str, Json] = {}
        for value in values:
            merged |= value
        return merged
    found: list[Json] = []
    for value in values:
        found += [member for member in value if member not in found]
    return found


def _contains(holder: Json, wanted: Json) -> bool:
    if isinstance(holder, str):
        return _text(wanted) in holder
    if isinstance(holder, dict):
        return str(wanted).lower() in {str(key).lower() for key in holder}
    return wanted in holder


def _equals(first: Json, second: Json) -> bool:
    return type(first) is type(second) and first == second


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start <= end <= len(text):
        raise ExpressionError("beyond the end")
    return text[start:end]


def _split(text: str, marks: Json) -> list[str]:
    names = marks if isinstance(marks, list) else [marks]
    return re.split("|".join(map(re.escape, names)), text)


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= 10_000:
        raise ExpressionError("too many")
    return list(range(start, start + count))


def _first(value: Json) -> Json:
    return value[0]


def _last(value: Json) -> Json:
    return value[-1]


def _pad_left(value: Json, length: int, sign: str = " ") -> str:
    return _text(value).rjust(min(length, 1000), sign)


def _coalesce(*values: Json) -> Json:
    return next((value for value in values if value is not None), None)


def _int(value: Json) -> int:
    return int(value)


def _bool(value: Json) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False}[value.lower()]
    return bool(value)


def _quotient(first: int, second: int) -> int:
    found = abs(first) // abs(second)
    return found if (first < 0) == (second < 0) else -found


def _array(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _object(*values: Json) -> dict[str, Json]:
    return dict(zip(map(str, values[::2]), values[1::2], strict=True))


_FUNCTIONS: Final[Mapping[str, Callable[..., Json]]] = {
    "add": lambda first, second: first + second,
    "and": lambda *values: all(values),
    "array": _array,
    "bool": _bool,
    "coalesce": _coalesce,
    "concat": _concat,
    "contains": _contains,
    "createarray": lambda *values: list(values),
    "createobject": _object,
    "div": _quotient,
    "empty": lambda value: value is None or len(value) == 0,
    "endswith": lambda text, end: text.lower().endswith(end.lower()),
    "equals": _equals,
    "false": lambda: False,
    "first": _first,
    "format": _format,
    "greater": lambda first, second: first > second,
    "greaterorequals": lambda first, second: first >= second,
    "if": lambda test, first, second: first if test else second,
    "indexof": lambda text, part: text.lower().find(part.lower()),
    "int": _int,
    "intersection": lambda first, *rest: [
        member for member in first if all(member in other for other in rest)
    ],
    "join": lambda values, mark: mark.join(map(_text, values)),
    "json": lambda text: _json(text),
    "last": _last,
    "length": lambda value: len(value),
    "less": lambda first, second: first < second,
    "lessorequals": lambda first, second: first <= second,
    "max": lambda *values: max(values[0] if isinstance(values[0], list) else values),
    "min": lambda *values: min(values[0] if isinstance(values[0], list) else values),
    "mod": lambda first, second: first - second * _quotient(first, second),
    "mul": lambda first, second: first * second,
    "not": lambda value: not value,
    "null": lambda: None,
    "or": lambda *values: any(values),
    "padleft": _pad_left,
    "range": _range,
    "replace": lambda text, old, new: text.replace(old, new),
    "skip": lambda value, count: value[max(count, 0) :],
    "split": _split,
    "startswith": lambda text, start: text.lower().startswith(start.lower()),
    "string": lambda value: _text(value),
    "sub": lambda first, second: first - second,
    "substring": _substring,
    "take": lambda value, count: value[: max(count, 0)],
    "tolower": lambda text: text.lower(),
    "toupper": lambda text: text.upper(),
    "trim": lambda text: text.strip(),
    "true": lambda: True,
    "union": _union,
}


def _json(text: str) -> Json:
    import json

    return json.loads(text)
