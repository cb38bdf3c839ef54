"""What people give in place of JSON: what it is, how it is recognised, and what to give instead."""

from __future__ import annotations

import re
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T", str, bytes)


class Form(NamedTuple, Generic[T]):
    """One kind of input that cannot be read.

    Attributes
    ----------
    name : str
        What it is.
    pattern : re.Pattern
        What is found in it.
    remedy : str
        What to give instead, as an instruction.
    """

    name: str
    pattern: re.Pattern[T]
    remedy: str


_ITSELF: Final = "give the JSON or CSV itself"
_UNPACK: Final = "unpack it, and give the files in it"
_PACKED: Final = "unpack it, or give it to rpmatrix fleet"
_COPY: Final = "give the text that it shows, or the output of az vm show --output json"
_SAVE: Final = "save the JSON in it as a file of its own"
_AZ: Final = "run the command again with --output json"
_POWERSHELL: Final = "run the command again and add | ConvertTo-Json -Depth 10"
_TERRAFORM: Final = "give the output of terraform show -json, of the state or of a saved plan"


def _file(name: str, pattern: bytes, remedy: str) -> Form[bytes]:
    return Form(name, re.compile(rb"\A" + pattern, re.DOTALL), remedy)


# The first that fits names it: what is more particular stands before.
FILES: Final = (
    _file("a saved plan of Terraform", rb"PK\x03\x04.*?tfplan", _TERRAFORM),
    _file("a Word document", rb"PK\x03\x04.*?word/", _SAVE),
    _file("a workbook", rb"PK\x03\x04.*?xl/", "save the sheet as CSV"),
    _file("a zip archive", rb"PK(?:\x03\x04|\x05\x06)", _UNPACK),
    _file("a 7-Zip archive", rb"7z\xbc\xaf\x27\x1c", _UNPACK),
    _file("a RAR archive", rb"Rar!", _UNPACK),
    _file("a tar archive", rb".{257}ustar", _UNPACK),
    _file("a file compressed with gzip", rb"\x1f\x8b", _PACKED),
    _file("a file compressed with bzip2", rb"BZh[1-9]1AY", _PACKED),
    _file("a file compressed with zstd", rb"\x28\xb5\x2f\xfd", _PACKED),
    _file("a file compressed with xz", rb"\xfd7zXZ", "unpack it"),
    _file("a Parquet file", rb"PAR1", "give it to rpmatrix fleet"),
    _file("a PDF", rb"%PDF", _SAVE),
    _file("a picture", rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*", _COPY),
    _file("a picture", rb"RIFF....WEBP|BM.{4}\x00{4}|\x00\x00\x00.ftyp", _COPY),
    _file("a message of Outlook, or an old Office document", rb"\xd0\xcf\x11\xe0", _SAVE),
    _file("an SQLite database", rb"SQLite format 3", _ITSELF),
)


def _text(name: str, pattern: str, remedy: str) -> Form[str]:
    return Form(name, re.compile(pattern, re.MULTILINE), remedy)


_KEY: Final = r"[A-Za-z_][\w.-]*"
_BLOCK: Final = r'(?:resource|data) +"[\w-]+" +"[^"\n]+" *\{'
_IDS: Final = "give what az resource show --ids prints of them"

TEXTS: Final = (
    _text("a web page", r"\A\s*<(?i:!doctype html|html)", _SAVE),
    _text("an export of PowerShell in XML", r"\A\s*(?:#< CLIXML|<Objs )", _POWERSHELL),
    _text("XML", r"\A\s*<\?xml ", _ITSELF),
    _text(
        "an e-mail",
        r"\A(?:(?:Return-Path|Received|Delivered-To|From|To|Cc|Subject|Date|MIME-Version|"
        r"Message-ID|Content-Type|X-[\w-]+): [^\n]*\n(?:[ \t]+[^\n]*\n)*){2}",
        _SAVE,
    ),
    _text(
        "the text that terraform plan or show prints",
        r"^(?:Terraform|OpenTofu) (?:will perform|used the selected)"
        rf"|^# [\w.\[\]\"-]+:$|^ *(?:[-+~]|-/\+|\+/-|<=) +{_BLOCK}",
        _TERRAFORM,
    ),
    _text(
        "a configuration of Terraform",
        rf"^\s*{_BLOCK}|^(?:terraform|locals) *\{{"
        r'|^(?:provider|variable|module|output) +"[\w-]+" *\{',
        _TERRAFORM,
    ),
    _text(
        "the text that az deployment what-if prints",
        r"^Resource and property changes are indicated with these symbols"
        r"|^Scope: /subscriptions/[^\n]*\s+[-+~=*!x] ",
        "run the command again with --no-pretty-print",
    ),
    _text(
        "a Bicep file",
        r"^\s*(?:resource|module) \w+ '[^'\n]+' (?:existing )?=|^targetScope = '|^using '"
        r"|^param \w+ (?:string|int|bool|object|array)\b",
        "give the template that az bicep build --file FILE writes",
    ),
    _text(
        "an object that Python printed",
        r"^\s*\[?\{'\w+': ",
        "print json.dumps of it, of SDK objects after as_dict()",
    ),
    _text(
        "a table that PowerShell printed",
        r"^(?=[^\n]*\b(?:ResourceGroupName|VmSize|ProvisioningState|OsType|DiskSizeGB)\b)"
        r"[^\n]*\n *-{2,}(?: +-+)+ *$",
        _POWERSHELL,
    ),
    _text(
        "a list that PowerShell printed",
        rf"^{_KEY} +: [^\n]*\n(?: +[^\n]*\n)*{_KEY} *:(?: |$)|^{_KEY} *: [^\n]*\n{_KEY} +: ",
        _POWERSHELL,
    ),
    _text("a table that Azure CLI printed", r"^\S[^\n]*\n-{2,}(?: {2,}-{2,})+ *$", _AZ),
    _text("a Markdown table", r"^\|[^\n]*\|\s*\n\|[ :|-]+\|\s*$", _AZ),
    _text(
        "an error that a command printed",
        r"^ERROR: |^(?:az|bash|zsh|-bash): |^(?:Get|Connect|Invoke)-Az\w+ ?: ",
        "look it up with rpmatrix error, and run the command again",
    ),
    _text("resource ids without records", r"\A\s*(?:/subscriptions/\S+\s*)+\Z", _IDS),
    _text("an address", r"\A\s*https?://\S+\s*\Z", "give what stands there; nothing is fetched"),
    _text(
        "the overview page of the portal",
        r"^(?:Resource group \(move\)|Essentials)\s*$",
        "open its JSON View and copy that",
    ),
    _text(
        "YAML", rf"(?:^ *(?:- )*{_KEY}:(?: [^\n]*)?\n(?: *- [^\n]*\n)*){{2}} *(?:- )*{_KEY}:", _AZ
    ),
    _text("values between tabs, without a header", r"^[^\t\n]*(?:\t[^\t\n]*){2,}$", _AZ),
)

_ENDS: Final = 8192
_LONGEST_TEXT: Final = 200_000


def name_of_file(content: bytes) -> str:
    """Say what a file is that holds no text, and what to give instead; empty if it may be text."""
    # An archive names its members in the end, too.
    ends = content[:_ENDS] + content[_ENDS:][-_ENDS:]
    return _first(FILES, ends, "not a text")


def name_of_text(text: str) -> str:
    """Say what a text is that holds neither JSON nor a table; empty if that is not known."""
    return _first(TEXTS, text[:_LONGEST_TEXT].replace("\r\n", "\n"), "not JSON")


def _first(forms: tuple[Form[T], ...], content: T, failing: str) -> str:
    for name, pattern, remedy in forms:
        if pattern.search(content):
            return f"{name}, {failing}; {remedy}"
    return ""


_UNREAD: Final = re.compile(r"^\[not read\] (.*)$\n?", re.MULTILINE)


def stand_in(name: str, reason: str) -> str:
    """Give a line that stands, in a text of several files, for one that holds no text."""
    return f"[not read] {name}: {reason}"


def without_stand_ins(text: str) -> tuple[str, list[str]]:
    """Take the lines that stand for files out of a text; give the rest, and what they say."""
    return (_UNREAD.sub("", text), _UNREAD.findall(text)) if "[not read] " in text else (text, [])
