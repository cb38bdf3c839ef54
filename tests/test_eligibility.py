"""The evaluator says what the tables say, and the verdict says what was decided."""

from __future__ import annotations

import pytest
from cases import EXAMPLES, MATRIX, cases, vm_facts
from hypothesis import HealthCheck, given, settings
from oracle import Answer, Case, Oracle

from rpmatrix.eligibility import Evaluator, Verdict
from rpmatrix.matrix import MODES


def answer_of(verdict: Verdict) -> Answer:
    return Answer(
        verdict.verdict,
        verdict.floor,
        verdict.ceiling,
        frozenset(one.lun for one in verdict.exclude_disks if one.lun is not None),
        frozenset(verdict.reasons),
        frozenset(verdict.caveats),
        frozenset(one.fact_id for one in verdict.missing),
        frozenset(verdict.assumptions),
    )


@pytest.fixture(scope="module", params=[False, True], ids=["with assumptions", "strict"])
def judges(request: pytest.FixtureRequest) -> tuple[Evaluator, Oracle]:
    return Evaluator(MATRIX, strict=request.param), Oracle(MATRIX, strict=request.param)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_the_compiled_rules_agree_with_the_tables_read_row_by_row(
    judges: tuple[Evaluator, Oracle], case: Case
) -> None:
    evaluator, oracle = judges
    verdicts = evaluator.verdicts(vm_facts(case))
    assert [one.mode for one in verdicts] == list(MODES)
    for verdict in verdicts:
        assert answer_of(verdict) == oracle.judge(case, verdict.mode)
