"""What rows, values and limits of the matrix are called, in words."""

from __future__ import annotations

from typing import Final

from rpmatrix.common.words import amount
from rpmatrix.matrix.matrix import Matrix
from rpmatrix.matrix.schema import Row

MODE_TITLES: Final = {"application": "Application consistency", "crash": "Crash consistency"}


OPERATORS: Final = {
    "is": "",
    "is_not": "not ",
    "in": "one of ",
    "not_in": "none of ",
    "at_least": "at least ",
    "at_most": "at most ",
    "more_than": "more than ",
    "less_than": "less than ",
    "starts_with": "starts with ",
    "present": "known",
    "absent": "not known",
}


def value_title(matrix: Matrix, fact_id: str, value: str) -> str:
    """Give the title of a fact's value where that is the id of a row, else the value."""
    table, _, column = matrix.row(fact_id, "facts")["allowed_values"].partition(".")
    if column != "id":
        return value
    try:
        return matrix.row(value, table)["title"]
    except KeyError:
        return value


def row_title(matrix: Matrix, row_id: str) -> str:
    """Give the title of a row that can be cited, or its meaning where it has none."""
    return matrix.citation(row_id).title


def conditions(matrix: Matrix, row_id: str) -> tuple[tuple[str, ...], ...]:
    """Say in words when a scenario applies.

    Returns
    -------
    tuple of tuple of str
        Alternatives; within each all tests must hold. Empty for a row without conditions.
    """
    clauses: dict[str, list[str]] = {}
    for row in matrix.table("conditions"):
        if row["scenario_id"] == row_id:
            clauses.setdefault(row["clause"], []).append(condition(matrix, row))
    return tuple(tuple(tests) for _, tests in sorted(clauses.items()))


def condition(matrix: Matrix, row: Row) -> str:
    """Return one test of a fact in words."""
    fact_id, operator = row["fact_id"], row["operator"]
    values = row.members("value")
    if operator == "listed_in":
        table = matrix.table(row["value"])
        values = tuple(one.id for one in table if one["scenario_id"] == row["scenario_id"])
        operator = "in"
    if operator == "in" and len(values) == 1:
        operator = "is"
    titles = [value_title(matrix, fact_id, value) for value in values]
    fact = matrix.facts[fact_id]
    verb = " is " if fact.type in ("enum", "text") else ": "
    return f"{fact.title}{verb}{OPERATORS[operator]}{', '.join(titles)}"


def limit(row: Row) -> str:
    """Say the number of a limit in words: at least 3 hours since the last one."""
    if not row["value"]:
        return ""
    return f"{OPERATORS[row['comparator']]}{amount(row['value'], row['unit'])}"
