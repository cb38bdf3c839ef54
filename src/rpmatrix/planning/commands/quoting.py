"""Values written into the languages of clients, so that none can end a string or add a line.

Characters that cannot be seen are written as escapes: what is pasted is what is read.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any


def is_unseen(character: str) -> bool:
    """Whether a character cannot be told from nothing, or from a plain blank, by eye.

    Such characters are escaped: raw control characters act on a terminal, and direction marks
    make a text read differently from what it does.
    """
    return character != " " and unicodedata.category(character) in {
        "Cc",
        "Cf",
        "Cn",
        "Co",
        "Zl",
        "Zp",
        "Zs",
    }


_BASH_BARE = re.compile(r"[A-Za-z0-9_./:][A-Za-z0-9_./:@%+,=-]*")


def bash_word(value: str) -> str:
    """Quote a value as one bash word."""
    if _BASH_BARE.fullmatch(value):
        return value
    if not any(is_unseen(character) for character in value):
        return "'" + value.replace("'", r"'\''") + "'"
    # ANSI-C quoting. Octal bytes, because \u depends on the locale of the shell that reads it;
    # quotes and ! as well, because interactive history expansion looks into this form.
    return (
        "$'"
        + "".join(
            "".join(f"\\{byte:03o}" for byte in character.encode())
            if is_unseen(character) or character in "'\"\\!`$"
            else character
            for character in value
        )
        + "'"
    )


_POWERSHELL_QUOTES = "'\u2018\u2019\u201a\u201b"  # PowerShell reads all of these as one


def powershell_string(value: str) -> str:
    """Write a value as a PowerShell expression that is one string."""
    pieces: list[str] = []
    seen = ""
    for character in value:
        if not is_unseen(character):
            seen += character * (2 if character in _POWERSHELL_QUOTES else 1)
            continue
        if seen or not pieces:
            pieces.append(f"'{seen}'")
            seen = ""
        code = ord(character)
        pieces.append(
            f"[char]0x{code:04X}" if code < 0x10000 else f"[char]::ConvertFromUtf32(0x{code:X})"
        )
    if seen or not pieces:
        pieces.append(f"'{seen}'")
    return pieces[0] if len(pieces) == 1 else f"({' + '.join(pieces)})"


def bicep_string(value: str) -> str:
    """Write a value as a Bicep string."""
    escapes = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
    text = "".join(
        escapes.get(character)
        or (f"\\u{{{ord(character):x}}}" if is_unseen(character) else character)
        for character in value
    )
    return "'" + text.replace("${", r"\${") + "'"


def hcl_string(value: str) -> str:
    """Write a value as an HCL string."""
    escapes = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
    text = ""
    for index, character in enumerate(value):
        code = ord(character)
        if character in "$%" and value[index + 1 : index + 2] == "{":
            # The doubled sign ($${) is ambiguous after another one; an escape never is.
            text += f"\\u{code:04x}"
        elif character in escapes:
            text += escapes[character]
        elif is_unseen(character):
            text += f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
        else:
            text += character
    return f'"{text}"'


def json_text(body: Mapping[str, Any]) -> str:
    """Write a body as JSON in ASCII: nothing unseen, and nothing its surroundings would read.

    A shell would end its string at ``'``, the Azure CLI read a file at ``=@``, and an editor
    that runs HTTP files put a variable in place of ``{{name}}``.
    """
    text = json.dumps(body, indent=2)
    for special, escaped in (("'", r"\u0027"), ("=@", r"=\u0040"), ("{{", r"\u007b{")):
        text = text.replace(special, escaped)
    return text
