"""Scripts that let a shell complete the commands of rpmatrix with the Tab key.

A script knows what the parser knows: commands, options, their values and which of them are paths.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SHELLS: Final = ("bash", "zsh", "fish", "powershell")

Values = Mapping[str, tuple[str, ...]]


def script(shell: str, parser: argparse.ArgumentParser, values: Values) -> str:
    """Write the script for one of ``SHELLS``.

    Parameters
    ----------
    shell : str
        One of ``SHELLS``.
    parser : argparse.ArgumentParser
        The parser with all commands.
    values : mapping of str to tuple of str
        Values that the parser does not know, by the name of the argument.
    """
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[shell]
    return write(_commands(parser, values), _words(parser, values))


@dataclass(frozen=True)
class _Word:
    """An option or the arguments of a command, as the completion scripts need them."""

    flag: str
    help: str
    values: tuple[str, ...] = ()
    kind: str = "switch"
    """``switch`` takes no value; ``value`` takes one; ``file`` and ``folder`` take a path."""


_PATHS: Final = {"FILE": "file", "PATH": "file", "TEXT": "file", "FOLDER": "folder"}


def _commands(
    parser: argparse.ArgumentParser, values: Values
) -> dict[str, tuple[str, list[_Word]]]:
    commands: dict[str, tuple[str, list[_Word]]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, made in action.choices.items():
                commands[name] = (helps[name], _words(made, values))
    return commands


def _words(parser: argparse.ArgumentParser, values: Values) -> list[_Word]:
    words = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            continue
        kind = _PATHS.get(str(action.metavar), "value")
        if action.option_strings and action.nargs == 0:
            kind = "switch"
        known = tuple(action.choices or values.get(action.dest, ()))
        flag = action.option_strings[-1] if action.option_strings else ""
        words.append(_Word(flag, (action.help or "").replace("%%", "%"), known, kind))
    return words


def _bash(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    cases, follow = [], []
    for name, (_, words) in commands.items():
        flags = [word.flag for word in words if word.flag]
        free = [value for word in words if not word.flag for value in word.values]
        cases.append(f"    {name}) flags='{' '.join(flags)}' words='{' '.join(free)}' ;;")
        for word in words:
            if word.flag and word.kind != "switch":
                follow.append(
                    f"    '{name} {word.flag}') flags= words='{' '.join(word.values)}' ;;"
                )
    names = " ".join([*commands, *(word.flag for word in top)])
    return f"""\
_rpmatrix() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" flags= words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=( $(compgen -W '{names}' -- "$current") )
    return
  fi
  case "$command" in
{chr(10).join(cases)}
  esac
  case "$command ${{COMP_WORDS[COMP_CWORD-1]}}" in
{chr(10).join(follow)}
  esac
  case "$current" in
    -*) words="$flags" ;;
  esac
  # Where nothing is said here, the shell completes the names of files.
  COMPREPLY=( $(compgen -W "$words" -- "$current") )
  case "${{COMPREPLY[0]}}" in
    *=) compopt -o nospace 2>/dev/null ;;
  esac
}}
complete -o default -F _rpmatrix rpmatrix
"""


def _zsh(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def escaped(text: str) -> str:
        for sign in "\\[]:":
            text = text.replace(sign, f"\\{sign}")
        return text.replace("'", "'\\''")

    def taken(word: _Word) -> str:
        if word.kind == "file":
            return "_files"
        if word.kind == "folder":
            return "_files -/"
        if any(value.endswith("=") for value in word.values):
            return f'compadd -S "" -- {" ".join(word.values)}'
        return f"({' '.join(word.values)})"

    def spec(word: _Word) -> str:
        if not word.flag:
            return f"'*:argument:{taken(word)}'"
        if word.kind == "switch":
            return f"'{word.flag}[{escaped(word.help)}]'"
        return f"'*{word.flag}[{escaped(word.help)}]:value:{taken(word)}'"

    cases = []
    for name, (_, words) in commands.items():
        flagged = [spec(word) for word in words if word.flag]
        # A command's last argument says what may follow; zsh takes one such rule.
        free = [spec(word) for word in words if not word.flag][-1:]
        joined = " \\\n        ".join([*flagged, *free])
        cases.append(f"    {name})\n      _arguments \\\n        {joined} ;;")
    names = "\n".join(f"    '{name}:{escaped(text)}'" for name, (text, _) in commands.items())
    options = " ".join(spec(word) for word in top)
    return f"""\
#compdef rpmatrix
_rpmatrix() {{
  local -a names
  names=(
{names}
  )
  if (( CURRENT == 2 )); then
    if [[ "$words[2]" == -* ]]; then
      _arguments {options}
    else
      _describe command names
    fi
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
{chr(10).join(cases)}
  esac
}}
compdef _rpmatrix rpmatrix
"""


def _fish(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    def rule(when: str, word: _Word) -> str:
        parts = ["complete -c rpmatrix -n", quoted(when)]
        if word.flag.startswith("--"):
            parts.append(f"-l {word.flag.removeprefix('--')}")
        if word.flag and word.kind != "switch":
            parts.append("-r")
        if word.values:
            parts += ["-f -a" if not word.flag else "-x -a", quoted(" ".join(word.values))]
        if word.flag:
            parts += ["-d", quoted(word.help)]
        return " ".join(parts)

    lines = [rule("__fish_use_subcommand", word) for word in top]
    for name, (text, words) in commands.items():
        lines.append(
            f"complete -c rpmatrix -f -n __fish_use_subcommand -a {name} -d {quoted(text)}"
        )
        when = f"__fish_seen_subcommand_from {name}"
        lines += [rule(when, word) for word in words if word.flag or word.values]
    return "\n".join(lines) + "\n"


def _powershell(commands: Mapping[str, tuple[str, list[_Word]]], top: list[_Word]) -> str:
    def listed(values: Iterable[str]) -> str:
        return "@(" + ", ".join(f"'{value}'" for value in values) + ")"

    lines = []
    for name, (_, words) in commands.items():
        flags = [word.flag for word in words if word.flag]
        free = [value for word in words if not word.flag for value in word.values]
        lines.append(f"    '{name}' = {listed([*flags, *free])}")
        lines += [
            f"    '{name} {word.flag}' = {listed(word.values)}"
            for word in words
            if word.flag and word.kind != "switch"
        ]
    names = listed([*commands, *(word.flag for word in top)])
    return f"""\
Register-ArgumentCompleter -Native -CommandName rpmatrix -ScriptBlock {{
  param($current, $line, $position)
  $known = @{{
{chr(10).join(lines)}
  }}
  $typed = @($line.CommandElements | ForEach-Object {{ "$_" }})
  if ($current) {{ $typed = @($typed | Select-Object -SkipLast 1) }}
  if ($typed.Count -lt 2) {{
    $words = {names}
  }} else {{
    $words = $known[$typed[1]]
    $after = "$($typed[1]) $($typed[-1])"
    if ($typed.Count -gt 2 -and $known.ContainsKey($after)) {{ $words = $known[$after] }}
  }}
  # Where nothing is said here, the shell completes the names of files.
  $words | Where-Object {{ $_ -like "$current*" }} | ForEach-Object {{
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }}
}}
"""
