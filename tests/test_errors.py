"""Errors: recognised by code and message, in every wrapping, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpmatrix.matrix.matrix import Matrix, load_matrix
from rpmatrix.planning.errors import LEVELS, ErrorAnswer, fold, look_up

MATRIX = load_matrix()
ROWS = MATRIX.table("errors")
KNOWN = [
    (row.id, code, fragment)
    for row in ROWS
    for code in row.members("code") or ("",)
    for fragment in row.members("message_fragment") or row.members("message_alone")
]
ALONE = [(row.id, words) for row in ROWS for words in row.members("message_alone")]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return MATRIX


def found(answer: ErrorAnswer) -> list[tuple[str, str]]:
    return [(one.row, one.level) for one in answer.matches]


# --- wrappings ---------------------------------------------------------------------------------


def cli(code: str, message: str) -> str:
    return f"ERROR: ({code}) {message}\nCode: {code}\nMessage: {message}\n"


def powershell(code: str, message: str) -> str:
    return (
        f"New-AzRestorePoint: {message}\nErrorCode: {code}\nErrorMessage: {message}\n"
        "ErrorTarget: \nStatusCode: 409\nReasonPhrase: Conflict\nOperationID : 1-2-3"
    )


def answer_of_the_service(code: str, message: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}})


def nested(code: str, message: str) -> Any:
    inner = {"code": code, "message": message, "target": "vm"}
    return {
        "status": "Failed",
        "error": {
            "code": "DeploymentFailed",
            "message": "At least one operation went wrong.",
            "details": [{"code": "ResourceDeploymentFailure", "details": [inner]}],
        },
    }


def inside(code: str, message: str) -> Any:
    inner = {"errorCode": code, "errorMessage": message}
    return {"error": {"code": "Outer", "message": "Look inside.", "innererror": inner}}


def text_in_text(code: str, message: str) -> Any:
    """A deployment writes the answer of the service into its own message."""
    answer = json.dumps({"error": {"code": code, "message": message}}, indent=2)
    return {"error": {"code": "Rejected", "message": answer.replace("\n", "\r\n")}}


def instance_view(code: str, message: str) -> Any:
    status = {"code": code, "level": "Error", "message": message}
    return [{"name": "rp", "instanceView": {"statuses": [status]}}]


def log_line(code: str, message: str) -> str:
    body = json.dumps(answer_of_the_service(code, message))
    return f"2026-03-01T02:00:00Z job 7 gave up, response body {body} (no retry)"


def cut_off(code: str, message: str) -> str:
    return answer_of_the_service(code, message)[:-3] + " …"


def shouted(code: str, message: str) -> str:
    return cli(code.upper(), message.upper())


def quoted_by_an_editor(code: str, message: str) -> str:
    return cli(code, message.replace("'", "’").replace(" ", "\u00a0 \n "))


def wrapped_inside_words(code: str, message: str) -> str:
    """A console breaks lines where they are full."""
    text = cli(code, message)
    return "\r\n".join(text[at : at + 11] for at in range(0, len(text), 11))


def boxed(code: str, message: str) -> str:
    """PowerShell 7 draws a bar at the margin."""
    return f"Line |\n   2 |  New-AzRestorePoint -Name rp\n     | {code}\n     | {message}"


def portal(code: str, message: str) -> str:
    return f"Failed to create restore point\nError code\n{code}\nError message\n{message}\n"


def activity_log(code: str, message: str) -> Any:
    inner = json.dumps({"status": "Failed", "error": {"code": code, "message": message}})
    return [{"properties": {"statusCode": "Conflict", "statusMessage": inner}, "level": "Error"}]


def text_in_json_in_text(code: str, message: str) -> str:
    return json.dumps(json.dumps(answer_of_the_service(code, message)))


def curly(code: str, message: str) -> str:
    return answer_of_the_service(code, message).replace('"', "”")


def other_tool(code: str, message: str) -> Any:
    return {"job": "nightly", "exception": f"Azure said {code}: {message}", "vm": "vm-7"}


WRAPPINGS: list[Callable[[str, str], Any]] = [
    *(cli, powershell, answer_of_the_service, nested, inside, text_in_text, instance_view),
    *(log_line, cut_off, shouted, quoted_by_an_editor, boxed, portal, activity_log),
    *(text_in_json_in_text, curly),
]


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda wrap: wrap.__name__)
@pytest.mark.parametrize(("row", "code", "fragment"), KNOWN)
def test_every_known_error_in_every_wrapping(
    matrix: Matrix, wrap: Callable[[str, str], Any], row: str, code: str, fragment: str
) -> None:
    # A row that knows no code is recognised by its message under whatever code.
    pasted = wrap(code or "SomethingElse", f"The request of tonight: {fragment} for vm-7. Retry.")
    answer = look_up(pasted, matrix)
    assert found(answer) == [(row, "code and message" if code else "message")]
    (match,) = answer.matches
    assert match.certain
    assert fold(fragment) in fold(match.fragment)
    assert match.code.casefold() == code.casefold()
    assert (answer.state, answer.nearest) == ("known", ())


LONG = [(row, code, text) for row, code, text in KNOWN if len(code) > 10]


@pytest.mark.parametrize("wrap", [other_tool, wrapped_inside_words], ids=lambda wrap: wrap.__name__)
@pytest.mark.parametrize(("row", "code", "fragment"), LONG)
def test_a_code_that_is_no_plain_word_is_met_anywhere(
    matrix: Matrix, wrap: Callable[[str, str], Any], row: str, code: str, fragment: str
) -> None:
    assert row in {match.row for match in look_up(wrap(code, fragment), matrix).certain}


@pytest.mark.parametrize(("row", "words"), ALONE)
def test_particular_words_are_enough_whatever_the_code(
    matrix: Matrix, row: str, words: str
) -> None:
    for pasted in (f"… {words} …", {"error": {"code": "Strange", "message": words}}):
        assert found(look_up(pasted, matrix)) == [(row, "message")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (row, text)
        for row, _, text in KNOWN
        if not any(row == other and fold(words) in fold(text) for other, words in ALONE)
    ],
)
def test_other_words_need_the_code_too(matrix: Matrix, row: str, words: str) -> None:
    for pasted in (f"… {words} …", {"error": {"code": "Strange", "message": words}}):
        answer = look_up(pasted, matrix)
        assert (answer.state, answer.matches) == ("unknown", ())
        assert (row, "words") in {(near.row, near.why) for near in answer.nearest}


# --- a code alone ------------------------------------------------------------------------------


def with_code(code: str) -> set[str]:
    return {row.id for row in ROWS if code in row.members("code")}


@pytest.mark.parametrize(
    "code", sorted({code for row in ROWS for code in row.members("code") if not code.isdigit()})
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda code: code,
        lambda code: f" '{code.lower()}' ",
        lambda code: f"ERROR: ({code})",
        lambda code: f"Code: {code}",
        lambda code: {"error": {"code": code, "message": None}},
    ],
)
def test_a_code_alone_names_every_row_that_has_it_and_claims_none(
    matrix: Matrix, code: str, wrap: Callable[[str], Any]
) -> None:
    answer = look_up(wrap(code), matrix)
    enough = {row for row in with_code(code) if not matrix.row(row)["message_fragment"]}
    assert {one.row for one in answer.matches} == (enough or with_code(code))
    assert {one.level for one in answer.matches} == {"code"}
    assert {one.certain for one in answer.matches} == {bool(enough)}
    assert answer.state == ("known" if enough else "possible")
    assert (answer.kind == "") == (not enough)


@pytest.mark.parametrize(
    "code", sorted({code for row in ROWS for code in row.members("code") if not code.isdigit()})
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda code: f"({code}) Purple elephants.",
        lambda code: f"{code}: COM+",
        lambda code: {"error": {"code": code, "message": "It did not work."}},
    ],
)
def test_a_message_that_fits_no_row_is_not_known_whatever_its_code(
    matrix: Matrix, code: str, wrap: Callable[[str], Any]
) -> None:
    answer = look_up(wrap(code), matrix)
    shared = {row for row in with_code(code) if matrix.row(row)["message_fragment"]}
    if shared == with_code(code):
        assert (answer.state, answer.matches, answer.kind) == ("unknown", (), "")
        assert {near.row for near in answer.nearest if near.why == "code"} == shared
        assert answer.known_codes[0] == code
        assert answer.where_next
    else:
        assert {match.row for match in answer.matches} == with_code(code) - shared


@pytest.mark.parametrize(
    "message",
    [
        "Operation could not be completed as it results in exceeding approved Total Regional Cores "
        "quota. Additional details - Current Limit: 10, Current Usage: 10",
        "Cannot create more than 20 public IP addresses for this subscription in this region.",
        "Operation results in exceeding quota limits of Core. Maximum allowed: 4",
    ],
)
def test_a_quota_is_no_error_of_restore_points(matrix: Matrix, message: str) -> None:
    answer = look_up(cli("OperationNotAllowed", message), matrix)
    assert found(answer) == [("err-quota", "code and message")]
    assert answer.matches[0].origin == "any_service"
    assert not set(answer.rows) & {row.id for row in matrix.table("limits")}


@pytest.mark.parametrize(
    ("pasted", "row", "origin"),
    [
        ("GuestAgentSnapshotTaskStatusError", "err-backup-agent-snapshot-status", "azure_backup"),
        ("usererrorguestagentstatusunavailable", "err-backup-agent-unavailable", "azure_backup"),
        ("Error code: UserErrorRpCollectionLimitReached", "err-backup-point-count", "azure_backup"),
        ("ExtensionSnapshotFailedNoNetwork", "err-extension-no-network", "snapshot_extension"),
        ("ExtensionFailedVssWriterInBadState", "err-extension-vss-writers", "snapshot_extension"),
        ("FsFreezeFailed", "err-extension-fs-freeze", "snapshot_extension"),
        (
            "StatusCode.FailedRetryableFsFreezeFailed,",
            "err-extension-fs-freeze",
            "snapshot_extension",
        ),
        ("SnapshotRateExceeded", "err-extension-snapshot-rate", "snapshot_extension"),
        (
            cli("AuthorizationFailed", "The client does not have it."),
            "err-authorization",
            "any_service",
        ),
        (cli("ScopeLocked", "The scope 'x' is locked."), "err-scope-locked", "any_service"),
    ],
)
def test_neighbours_are_rows_of_their_own(
    matrix: Matrix, pasted: str, row: str, origin: str
) -> None:
    (match,) = look_up(pasted, matrix).certain
    assert (match.row, match.origin) == (row, origin)


def test_the_most_specific_error_is_first_and_tells_the_kind(matrix: Matrix) -> None:
    inner = {"code": "OperationNotAllowed", "message": "disk(s) have not been allocated"}
    answer = look_up(
        {"error": {"code": "UserErrorCrpReportedUserError", "details": [inner]}}, matrix
    )
    assert found(answer) == [
        ("err-disk-not-allocated", "code and message"),
        ("err-backup-reported", "code"),
    ]
    assert answer.kind == "operation"


def test_codes_that_are_known_come_by_their_spelling(matrix: Matrix) -> None:
    answer = look_up("(VMRestorePointKlientEror) Whatever.", matrix)
    assert answer.state == "unknown"
    assert answer.known_codes[0] == "VMRestorePointClientError"
    assert {code for row in ROWS for code in row.members("code")} == set(answer.known_codes)
    assert [place.row for place in answer.where_next] == [
        row.id for row in sorted(matrix.table("error_help"), key=lambda row: int(row["position"]))
    ]


def test_a_message_rules_out_the_other_errors_with_the_same_code(matrix: Matrix) -> None:
    assert len(with_code("VMRestorePointClientError")) > 3
    answer = look_up("(VMRestorePointClientError) VSS Writers in bad state.", matrix)
    assert found(answer) == [("err-vss-writers", "code and message")]


@pytest.mark.parametrize(
    "pasted",
    [
        "429",
        "HTTP 429",
        "HTTP/1.1 429 Too Many Requests",
        "Response status code 429",
        "StatusCode: 429\nReasonPhrase: Too Many Requests",
        {"status": 429, "headers": {"Retry-After": "600"}},
        {"statusCode": "429"},
        {"error": {"code": 429, "message": "Slow down."}},
        {"request": {"url": "…"}, "response": {"status_code": 429}},
    ],
)
def test_a_throttled_request_is_known_by_its_status(matrix: Matrix, pasted: Any) -> None:
    answer = look_up(pasted, matrix)
    assert found(answer) == [("err-throttled", "code")]
    assert (answer.status, answer.kind, answer.state) == (429, "service", "known")
    assert "min-interval-crash" in answer.rows


@pytest.mark.parametrize("pasted", ["port 429 is closed", {"lun": 429}, "it took 429 seconds"])
def test_a_number_is_not_a_status(matrix: Matrix, pasted: Any) -> None:
    assert look_up(pasted, matrix).state == "unknown"


# --- what the answer says ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "kind", "row"),
    [
        ("with Shared disks is not supported", "matrix_refusal", "shared-disk"),
        ("maximum allowed snapshot limit reached", "matrix_refusal", "lim-rp-per-vm"),
        ("another concurrent 'Create RestorePoint' runs", "matrix_refusal", "lim-concurrent"),
        ("the VM has not reported status for VM agent", "guest_readiness", "os-linux-byo"),
        (
            "The number of restore points across restore point collections and resource groups "
            "for a VM cannot exceed 18.",
            "matrix_refusal",
            "lim-rp-per-vm",
        ),
    ],
)
def test_what_kind_of_error_it_is_and_which_rows_explain_it(
    matrix: Matrix, message: str, kind: str, row: str
) -> None:
    answer = look_up(message, matrix)
    assert answer.kind == kind
    assert row in answer.rows


def test_every_match_is_cited_in_the_words_of_its_row(matrix: Matrix) -> None:
    for row in ROWS:
        fragment, code = row.members("message_fragment"), row.members("code")
        words = [*(fragment or row.members("message_alone"))][:1]
        match = look_up(": ".join([*code[:1], *words]), matrix).matches[0]
        assert (match.meaning, match.action) == (row["meaning"], row["action"])
        assert (match.kind, match.mode, match.source) == (row["kind"], row["mode"], row["source"])
        assert match.rows == (row.id, *row.members("row_ids"))
        assert [one.row_id for one in match.citations] == list(match.rows)
        if match.kind == "matrix_refusal":
            assert len(match.rows) > 1


def test_two_errors_in_one_answer_are_both_found(matrix: Matrix) -> None:
    details = [
        {"code": "VMRestorePointClientError", "message": "inadequate VM resources"},
        {"code": "OperationNotAllowed", "message": "disk(s) have not been allocated"},
    ]
    answer = look_up({"error": {"code": "Several", "details": details}}, matrix)
    assert {one.row for one in answer.matches} == {"err-size-too-small", "err-disk-not-allocated"}
    # They are of two kinds, so the answer as a whole is of none.
    assert answer.kind == ""
    assert answer.codes == ("Several", "VMRestorePointClientError", "OperationNotAllowed")


# --- what is not known -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "near"),
    [
        ("A VSS writer was in a very bad state", "err-vss-writers"),
        ("maximum snapshot limit allowed for the disk", "err-point-limit"),
        ("COM+ error of a machine", "err-com-plus"),
        ("VMAgentStatusComunicationError", "err-agent-silent"),
        ("Key vault associated with the DiskEncryptionSet is missing", "err-key-vault-missing"),
    ],
)
def test_what_comes_near_is_named_and_not_taken(matrix: Matrix, pasted: str, near: str) -> None:
    answer = look_up(pasted, matrix)
    assert (answer.state, answer.matches, answer.kind) == ("unknown", (), "")
    assert answer.nearest[0].row == near
    assert answer.nearest[0].nearness >= 0.5
    assert answer.nearest[0].meaning == matrix.row(near)["meaning"]


@pytest.mark.parametrize(
    "pasted",
    ["", "  \n", "{}", "[]", {}, [], "no such thing", {"error": None}, "a conflict of disks", "{"],
)
def test_what_says_nothing_is_unknown(matrix: Matrix, pasted: Any) -> None:
    answer = look_up(pasted, matrix)
    assert (answer.state, answer.matches, answer.nearest) == ("unknown", (), ())


def test_an_unknown_code_is_repeated(matrix: Matrix) -> None:
    answer = look_up(cli("SkuNotAvailable", "The size is not available here."), matrix)
    assert answer.state == "unknown"
    assert answer.codes == ("SkuNotAvailable",)
    assert "The size is not available here." in answer.messages


@pytest.mark.parametrize("pasted", [None, 7, object()])
def test_what_is_no_error_at_all(matrix: Matrix, pasted: Any) -> None:
    with pytest.raises(ValueError, match="paste the message"):
        look_up(pasted, matrix)


def test_bytes_are_decoded_as_clients_write_them(matrix: Matrix) -> None:
    text = answer_of_the_service("Conflict", "Changes were made to the Virtual Machine")
    for encoding in ("utf-8-sig", "utf-16"):
        assert found(look_up(text.encode(encoding), matrix)) == [
            ("err-vm-changing", "code and message")
        ]


def test_deep_and_long_input_does_no_harm(matrix: Matrix) -> None:
    deep: Any = {"code": "Deep"}
    for _ in range(5000):
        deep = {"details": [deep]}
    assert look_up(deep, matrix).state == "unknown"
    assert look_up("[" * 20_000, matrix).state == "unknown"
    assert look_up("word " * 20_000, matrix).state == "unknown"


# --- properties --------------------------------------------------------------------------------

blanks = st.text(" \t\n\u00a0", min_size=1, max_size=3)


@given(st.sampled_from(KNOWN), st.data())
def test_case_blanks_and_quotes_do_not_matter(
    known: tuple[str, str, str], data: st.DataObject
) -> None:
    row, code, fragment = known
    words = fragment.split(" ")
    text = words[0] + "".join(data.draw(blanks) + word for word in words[1:])
    text = "".join(data.draw(st.sampled_from([one.lower(), one.upper(), one])) for one in text)
    quote = data.draw(st.sampled_from(["'", '"', "`", "’", "\\'", "\\u0027", "«"]))
    text = text.replace("'", quote)
    answer = look_up(f"({code}) {quote}{text}{quote}", MATRIX)
    assert found(answer) == [(row, "code and message" if code else "message")]


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=40)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(
                st.sampled_from(
                    ["error", "code", "message", "details", "innererror", "status", "x"]
                ),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_value_gets_an_answer(value: Any) -> None:
    pasted = value if isinstance(value, (str, list, dict)) else [value]
    answer = look_up(pasted, MATRIX)
    assert answer.state in ("known", "possible", "unknown")
    assert look_up(json.dumps(pasted), MATRIX).state == answer.state
    assert json.loads(json.dumps(answer.to_dict()))["state"] == answer.state


@given(st.text(max_size=200))
def test_a_certain_match_was_really_said(text: str) -> None:
    answer = look_up(text, MATRIX)
    for match in answer.certain:
        assert match.level in LEVELS
        said = fold(text)
        assert (fold(match.fragment) in said) if match.fragment else (match.code in text)


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\n" * 50_000 + "b c",
        "Code" + "\\" * 50_000,
        "Code" + " " * 50_000,
        '[{"a":1}' * 9_000,
    ],
)
def test_hostile_text_is_read_in_one_pass(matrix: Matrix, text: str) -> None:
    # Without bounds on its repetitions a pattern would need a minute for each.
    assert look_up(text, matrix).state == "unknown"
