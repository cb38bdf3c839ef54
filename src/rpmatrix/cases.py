"""Cases to hand on: records with their names masked, and files that hold a case whole.

Whoever asks for help with a verdict may not show whose VM it is. Masking replaces names, ids, tags,
keys and free texts by pseudonyms. The same text gets the same pseudonym wherever it stands, so
that what belonged together still does, and a masked case gives the same verdict. What is kept is
named in this module; everything else is replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from rpmatrix.common.atomic import write_file
from rpmatrix.eligibility.assessment import (
    Answers,
    Assessment,
    Verdict,
    assess,
    names_disk,
    vm_and_disk,
)
from rpmatrix.inventory.facts import ADE_TYPES
from rpmatrix.inventory.inventory import Inventory, contents_of, read_inventory
from rpmatrix.inventory.records import Record, collect, is_expression
from rpmatrix.inventory.templates import Expanded
from rpmatrix.inventory.terraform import Translated
from rpmatrix.inventory.texts import Json, decode, read_text
from rpmatrix.matrix.matrix import BASE, MODES, Matrix, load_matrix

VERSION: Final = 1
"""The version of the file of a case."""

_MOST_CHARACTERS: Final = 40
_NONE: Final[frozenset[str]] = frozenset()


class CaseError(Exception):
    """A case that cannot be saved or opened; the message says why and what to do."""


# --------------------------------------------------------------------------- what is kept

# Texts under these keys come from Azure's own vocabulary, not from a customer. Letter case, dots
# before the key and underscores in it do not matter.
_KEPT_KEYS: Final = frozenset(
    {
        *("type", "kind", "location", "locations", "zone", "zones", "vmsize", "size", "tier"),
        *("storageaccounttype", "accounttype", "publisher", "offer", "product", "version"),
        *("exactversion", "ostype", "createoption", "caching", "deleteoption", "securitytype"),
        *("encryptiontype", "securityencryptiontype", "provisioningstate", "osname", "osversion"),
        *("hypervgeneration", "hypervgenerationtype", "licensetype", "priority", "evictionpolicy"),
        *("networkaccesspolicy", "publicnetworkaccess", "diskstate", "orchestrationmode"),
        *("consistencymode", "option", "placement", "diskcontrollertype", "typehandlerversion"),
        *(
            "vmagentversion",
            "apiversion",
            "contentversion",
            "level",
            "code",
            "displaystatus",
            "time",
        ),
        *("timecreated", "creationtime", "lastmodifiedtime", "architecture", "dataaccessauthmode"),
        *("performancetier", "powerstate", "status", "mode", "patchmode", "assessmentmode"),
        *("skuname", "skutier"),
    }
)
# Under these a name is a word of Azure too: of a size, or of a marketplace plan.
_KEPT_NAMES_IN: Final = frozenset({"sku", "plan", "purchaseplan"})
# What these parts of an id name is public: the parts of a marketplace image.
_PUBLIC_PARTS: Final = frozenset(
    {"locations", "publishers", "artifacttypes", "offers", "skus", "versions"}
)
_PUBLIC_HOSTS: Final = ("management.azure.com", "schema.management.azure.com")
_PUBLIC_QUERY: Final = re.compile(r"(?:api-version|\$expand)=[\w.$-]+")
# Azure Backup's own collections are told by how their names begin.
_PREFIXES: Final = ("azurebackup_",)

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_URL: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://([^/?#\s]*)([^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?", re.IGNORECASE
)
_WORD: Final = re.compile(r"(?:true|false|yes|no|null|none|-?\d{1,5}(?:\.\d+)?)", re.IGNORECASE)
_NAMESPACE: Final = re.compile(r"[A-Za-z]+(?:\.[A-Za-z]+)+")
_TYPE_PART: Final = re.compile(r"[A-Za-z]{2,50}")
_ID_STARTS: Final = frozenset(
    {"subscriptions", "providers", "sharedgalleries", "communitygalleries"}
)
_SUSPECT: Final = re.compile(r"/|@|://|" + _GUID.pattern, re.IGNORECASE)
_TYPE_NAME: Final = re.compile(r"(?:Microsoft\.Azure|System)\.[\w.`\[\], ]+")
_RESOURCE_TYPE: Final = re.compile(r"[A-Za-z]+(?:\.[A-Za-z]+)+(?:/[A-Za-z]+)+")
_STATUS_CODE: Final = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9]+)+")


def _plain(key: str) -> str:
    """Give the last part of a key, as it is compared."""
    return re.split(r"[./]", key.lower())[-1].replace("_", "").replace("-", "")


class Masker:
    """Replaces what names a customer, the same everywhere.

    Parameters
    ----------
    secret : str or bytes
        What pseudonyms are made with: the same secret gives the same ones in another case. Who
        knows it can test whether a pseudonym stands for a name that they guess.
    kept : iterable of str
        Further keys whose texts are kept.
    """

    def __init__(self, secret: str | bytes, kept: Iterable[str] = ()) -> None:
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._kept = _KEPT_KEYS | {_plain(key) for key in kept}
        self._names: dict[str, str] = {}
        self._public: set[str] = set()
        self._taken: dict[str, str] = {}

    @property
    def names(self) -> dict[str, str]:
        """What was replaced, in lower case, and by what: to read an answer back."""
        return dict(sorted(self._names.items()))

    @property
    def public(self) -> frozenset[str]:
        """The words, in lower case, of what was kept."""
        return frozenset(self._public)

    def _keep(self, text: str) -> str:
        self._public.update(_words(text))
        return text

    # --- texts

    def name(self, text: str) -> str:
        """Give the pseudonym of a name; letter case is told apart as the name does it."""
        folded = text.strip().lower()
        if folded not in self._names:
            prefix = next((one for one in _PREFIXES if folded.startswith(one)), "")
            self._names[folded] = prefix + self._fresh(folded[len(prefix) :])
        made = self._names[folded]
        letters = "".join(filter(str.isalpha, text))
        if letters.isupper():
            return made.upper()
        return made if letters == letters.lower() else made.capitalize()

    def _named(self, text: str) -> str:
        """Mask a name, or the expression that stands for one, which stays an expression."""
        return f"[variables('{self.name(text)}')]" if is_expression(text) else self.name(text)

    def _part(self, part: str) -> str:
        """Mask a part of an id; one that stands for what is not known yet still does."""
        if part.startswith("{") and part.endswith("}"):
            return f"{{{self.name(part[1:-1])}}}"
        return self._named(part)

    def _digest(self, text: str) -> str:
        return hmac.new(self._secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _fresh(self, text: str) -> str:
        digest = self._digest(text)
        if _GUID.fullmatch(text):
            # Without zeros, which would make it look like a placeholder.
            digits = digest[:32].replace("0", "1")
            return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        length = 8
        while self._taken.setdefault(f"n{digest[:length]}", text) != text:
            length += 1
        return f"n{digest[:length]}"

    def text(self, text: str, key: str = "", parent: str = "") -> str:
        """Mask a text that stands under a key.

        Parameters
        ----------
        text : str
            The text.
        key, parent : str
            The key it stands under, and the one above that.
        """
        if not text.strip() or _WORD.fullmatch(text.strip()):
            return self._keep(text)
        if text.lstrip()[:1] in "{[" and not is_expression_text(text):
            try:
                return json.dumps(self.value(json.loads(text, strict=False), key, parent))
            except ValueError:
                pass
        if is_expression(text):
            return self._named(text)
        if text.startswith("@{"):
            return "@{masked}"
        if text.startswith("/") and text.strip("/").split("/")[0].lower() in _ID_STARTS:
            return self.id(text)
        url = _URL.fullmatch(text.strip())
        if url:
            return self._url(url)
        if self._is_public(text, _plain(key), _plain(parent)):
            return self._keep(text)
        return self.name(text)

    def _is_public(self, text: str, key: str, parent: str) -> bool:
        if _TYPE_NAME.fullmatch(text) or text.lower() in ADE_TYPES:
            return True
        if key == "type" and _RESOURCE_TYPE.fullmatch(text):
            return True
        if key in ("code", "displaystatus") and _STATUS_CODE.fullmatch(text):
            return True
        named = key in self._kept or key == "sku" or (key == "name" and parent in _KEPT_NAMES_IN)
        return named and not _SUSPECT.search(text) and len(text) <= 2 * _MOST_CHARACTERS

    def id(self, text: str) -> str:
        """Mask a resource id: its names, not its types."""
        parts = text.split("/")
        made: list[str] = []
        kind = ""  # the type whose name comes next; empty where a type comes
        for part in parts:
            if not part:
                made.append(part)
            elif kind == "providers":
                made.append(self._keep(part) if _NAMESPACE.fullmatch(part) else self.name(part))
                kind = ""
            elif not kind and _TYPE_PART.fullmatch(part):
                made.append(self._keep(part))
                kind = part.lower()
            else:
                public = kind in _PUBLIC_PARTS or (part.isdigit() and len(part) < 6)
                public = public and not _GUID.search(part) and not is_expression(part)
                made.append(self._keep(part) if public else self._part(part))
                kind = ""
        return "/".join(made)

    def _url(self, url: re.Match[str]) -> str:
        scheme, host, path, query = url.groups()
        self._keep(scheme)
        if host.lower() in _PUBLIC_HOSTS:
            kept = "&".join(_PUBLIC_QUERY.findall(query or ""))
            schema = host.lower() != _PUBLIC_HOSTS[0]
            where = path if schema else self.id(path)
            self._keep(host)
            return f"{scheme}://{host}{where}{'?' + kept if kept else ''}"
        name, _, domain = host.partition(".")
        known = (
            domain if re.fullmatch(r"(?:blob\.core|vault\.azure)\.[a-z.]+", domain) else "example"
        )
        made = "/".join(self.name(part) if part else "" for part in path.split("/"))
        return f"{scheme}://{self.name(name)}.{known}{made}"

    # --- values

    def value(self, value: Json, key: str = "", parent: str = "") -> Json:
        """Mask a value that was read from JSON, however deep it is."""
        if isinstance(value, str):
            return self.text(value, key, parent)
        if isinstance(value, list):
            return [self.value(child, key, parent) for child in value]
        if isinstance(value, dict):
            return self._object(value, key)
        return value

    def _object(self, value: Mapping[str, Json], key: str) -> dict[str, Json]:
        lowered = {str(name).lower(): child for name, child in value.items()}
        columns, rows = lowered.get("columns"), lowered.get("rows")
        if isinstance(columns, list) and isinstance(rows, list):
            return self._table(value, columns)
        template = "contentversion" in lowered
        inside = _plain(key)
        made: dict[str, Json] = {}
        for name, child in value.items():
            shown = str(name)
            if template and _plain(shown) in ("parameters", "variables", "outputs"):
                made[self._keep(shown)] = self._named_by_people(child)
            elif inside == "tags" or _plain(shown) == "tags":
                made[self._key(shown, inside)] = self._everything(child)
            elif re.match(r"tags[._]", shown, re.IGNORECASE):
                made[shown[:5] + self.name(shown[5:])] = self._everything(child)
            else:
                made[self._key(shown, inside)] = self.value(child, shown, key)
        return made

    def _key(self, name: str, inside: str) -> str:
        """Mask a key that is no word of Azure's: an id, an address, the name of a tag."""
        if name.startswith("/") and name.strip("/").split("/")[0].lower() in _ID_STARTS:
            return self.id(name)
        if inside == "tags" or "@" in name.lstrip("@") or _GUID.search(name):
            return self.name(name)
        return self._keep(name)

    def _named_by_people(self, value: Json) -> Json:
        """Mask an object whose keys are names that somebody chose."""
        if not isinstance(value, dict):
            return self.value(value)
        return {self.name(str(name)): self.value(child) for name, child in value.items()}

    def _everything(self, value: Json) -> Json:
        """Mask whatever stands there, with no regard to what it is called."""
        if isinstance(value, dict):
            return {self.name(str(name)): self._everything(child) for name, child in value.items()}
        if isinstance(value, list):
            return [self._everything(child) for child in value]
        if isinstance(value, bool) or value is None:
            return value
        return self.name(str(value))

    def _table(self, value: Mapping[str, Json], columns: Sequence[Json]) -> dict[str, Json]:
        names = [str(one.get("name") if isinstance(one, dict) else one) for one in columns]
        self._public.update(word for text in _texts(list(columns)) for word in _words(text))
        made: dict[str, Json] = {}
        for name, child in value.items():
            if name.lower() == "rows" and isinstance(child, list):
                made[name] = [
                    [
                        self.value(cell, names[at] if at < len(names) else "")
                        for at, cell in enumerate(row)
                    ]
                    if isinstance(row, list)
                    else self.value(row)
                    for row in child
                ]
            else:
                listed = name.lower() == "columns"
                made[name] = child if listed else self.value(child, name)
        return made


def is_expression_text(text: str) -> bool:
    """Tell a template expression from a list that was written as a text."""
    return is_expression(text) and text.lstrip()[1:].lstrip()[:1] not in ('"', "{", "[", "]")


def mask(records: Iterable[Json], *, secret: str = "") -> list[Json]:
    """Replace what names a customer in records.

    Parameters
    ----------
    records : iterable of dict
        Records as any client gives them.
    secret : str
        What pseudonyms are made with, see :class:`Masker`. If it is left out, it is made of the
        records themselves: the same records get the same pseudonyms, and nobody who does not have
        them can test a guess.

    Examples
    --------
    >>> masked = mask([{"name": "sql-01", "location": "westeurope"}, {"computerName": "SQL-01"}])
    >>> masked[0]["location"], masked[0]["name"].upper() == masked[1]["computerName"]
    ('westeurope', True)
    """
    listed = list(records)
    masker = _masker(listed, secret)
    return [masker.value(record) for record in listed]


def masked_inventory(*sources: Any, secret: str = "", matrix: Matrix | None = None) -> Inventory:
    """Read an inventory and mask it, for a document that may be shown.

    Parameters
    ----------
    *sources
        As for :func:`rpmatrix.read_inventory`. Texts in which no record can be read are left out,
        and inputs have no names.
    secret : str
        See :func:`mask`.
    matrix : Matrix, optional
        What will decide: answers that stand in columns named as its facts are kept.
    """
    contents = [
        content for _, content in contents_of(sources) if not isinstance(content, Exception)
    ]
    inputs, _ = _masked_inputs(contents, secret, matrix or load_matrix())
    return read_inventory(*(_source(one) for one in inputs))


def _masked_inputs(
    contents: Iterable[Any], secret: str, matrix: Matrix
) -> tuple[list[dict[str, Any]], Masker]:
    values = _as_records([one for content in contents for one in _values(content)])
    masker = _masker([value for value, _ in values], secret, matrix.facts)
    return [_masked_input(masker.value(value), cut) for value, cut in values], masker


def _masker(values: Json, secret: str, kept: Iterable[str] = ()) -> Masker:
    own = json.dumps(values, sort_keys=True, default=str).encode()
    return Masker(secret or hashlib.sha256(own).digest(), kept)


# --------------------------------------------------------------------------- files of cases


@dataclass(frozen=True)
class Case:
    """A case: what was read, how it was judged, and what came out.

    Attributes
    ----------
    inventory : Inventory
        The records.
    matrix : Matrix
        What decides.
    masked : bool
        Whether names were replaced.
    modes : tuple of str
        The consistency modes that were asked for.
    strict : bool
        Whether nothing was assumed.
    answers : mapping of str to str
        What was answered to open questions.
    verdicts : tuple of dict
        The verdicts when the case was saved, as the documented JSON objects.
    provenance : mapping of str to object
        Package and matrix with which they were made.
    """

    inventory: Inventory
    matrix: Matrix
    masked: bool
    modes: tuple[str, ...]
    strict: bool
    answers: Mapping[str, str]
    verdicts: tuple[Mapping[str, Any], ...]
    provenance: Mapping[str, Any]

    def assess(self) -> Assessment:
        """Judge the case again."""
        return assess(
            self.inventory, self.matrix, modes=self.modes, strict=self.strict, answers=self.answers
        )

    @property
    def differences(self) -> tuple[str, ...]:
        """What is judged otherwise now than when the case was saved; empty if nothing is."""
        now = [one.to_dict() for one in self.assess().verdicts]
        told = []
        for before, after in zip(self.verdicts, now, strict=True):
            changed = [name for name in before if before[name] != after.get(name)]
            if changed:
                who = f"{after['vm_name'] or after['vm_id']}, {after['mode']}"
                told += [f"{who}: {name} was {before[name]}, is {after[name]}" for name in changed]
        return tuple(told)

    def __repr__(self) -> str:
        named = "masked" if self.masked else "not masked"
        return f"Case({len(self.inventory.vms)} VMs, {named}, {len(self.differences)} differences)"


def save_case(
    path: str | Path,
    *sources: Any,
    mask: bool = False,
    secret: str = "",
    matrix: Matrix | None = None,
    modes: Iterable[str] = MODES,
    strict: bool = False,
    answers: Answers | None = None,
    names: str | Path | None = None,
) -> Case:
    """Write a case into one file, to open it elsewhere.

    Parameters
    ----------
    path : str or Path
        The file to write.
    *sources
        What to read, as for :func:`rpmatrix.read_inventory`.
    mask : bool
        Replace names, ids, tags, keys and free texts by pseudonyms. Texts in which no record can
        be read are left out then.
    secret : str
        See :func:`mask`.
    matrix, modes, strict, answers
        As for :func:`rpmatrix.assess`.
    names : str or Path, optional
        A second file to write, which stays with its owner: each pseudonym and what it stands for.

    Returns
    -------
    Case
        The case as whoever opens the file has it.

    Raises
    ------
    CaseError
        If the masked case would not be judged as the original is, or would still hold one of its
        names. Nothing is written then.
    rpmatrix.eligibility.assessment.AnswerError
        If an answer is none.
    OSError
        If a file cannot be written.
    """
    decides = matrix or load_matrix()
    wanted = tuple(mode for mode in MODES if mode in set(modes))
    given = dict(answers or {})
    contents = list(contents_of(sources))
    inventory = read_inventory(*(_again(content) for _, content in contents))
    found = assess(inventory, decides, modes=wanted, strict=strict, answers=given)
    kept = [content for _, content in contents if not isinstance(content, Exception)]
    inputs = [_unmasked(content) for content in kept]
    masker = None
    if mask:
        inputs, masker = _masked_inputs(kept, secret, decides)
        given = {_masked_question(masker, one): value for one, value in given.items()}
    case = {
        "rpmatrix_case": VERSION,
        "masked": mask,
        "made_by": {
            "package": found.provenance["package"],
            "matrix_digest": decides.digest,
        },
        "layers": list(decides.layers),
        "as_of": decides.as_of.isoformat(),
        "modes": list(wanted),
        "strict": strict,
        "answers": given,
        "inputs": inputs,
        "verdicts": [],
    }
    replayed = _opened(case, decides)
    again = replayed.assess()
    case["verdicts"] = [one.to_dict() for one in again.verdicts]
    text = json.dumps(case, indent=1, ensure_ascii=False) + "\n"
    if masker is not None:
        _prove(masker, found, again, [inputs, given])
    write_file(Path(path), text)
    if names is not None and masker is not None:
        table = {made: original for original, made in masker.names.items()}
        write_file(Path(names), json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    return _opened(case, decides)


def open_case(path: str | Path, *, matrix: Matrix | None = None) -> Case:
    """Open a case that was saved.

    Parameters
    ----------
    path : str or Path
        The file.
    matrix : Matrix, optional
        What is to decide instead of the layers that the case names.

    Raises
    ------
    CaseError
        If the file is no case, or a layer that it names is not here.
    """
    try:
        case = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CaseError(f"{path} is no file of a case: {error}") from None
    if not isinstance(case, dict) or "rpmatrix_case" not in case:
        raise CaseError(f"{path} is no file of a case; make one with: rpmatrix case save")
    if case["rpmatrix_case"] != VERSION:
        raise CaseError(
            f"{path} is a case of version {case['rpmatrix_case']}, and this package reads {VERSION}"
        )
    try:
        decides = matrix or _matrix(case)
        return _opened(case, decides)
    except (KeyError, TypeError, AttributeError) as error:
        raise CaseError(f"{path} is not whole: {error}; save the case again") from None


def _matrix(case: Mapping[str, Any]) -> Matrix:
    layers = [str(one) for one in case["layers"][1:]]
    try:
        day = date.fromisoformat(case["as_of"])
        return load_matrix(*(layers or [BASE]), as_of=day)
    except FileNotFoundError as error:
        told = f"the case was judged with {' + '.join(layers)}: {error}; give the matrix yourself"
        raise CaseError(told) from None


def _opened(case: Mapping[str, Any], matrix: Matrix) -> Case:
    return Case(
        inventory=read_inventory(*(_source(one) for one in case["inputs"])),
        matrix=matrix,
        masked=bool(case["masked"]),
        modes=tuple(case["modes"]),
        strict=bool(case["strict"]),
        answers=dict(case["answers"]),
        verdicts=tuple(case["verdicts"]),
        provenance=dict(case["made_by"]),
    )


# --------------------------------------------------------------------------- inputs of a case


def _again(content: Any) -> Any:
    """Give an input as `read_inventory` takes it, without reading a file twice."""
    return b"" if isinstance(content, Exception) else content


def _values(content: Any) -> Iterator[tuple[Json, bool]]:
    """Give the values of an input, and whether parts of them were left out."""
    values = [(content, False)]
    if isinstance(content, bytes):
        try:
            found = read_text(decode(content)).values
        except UnicodeDecodeError:
            return
        values = [(value, projected) for _, value, projected in found]
    yield from values


def _as_records(values: Sequence[tuple[Json, bool]]) -> list[tuple[Json, bool]]:
    """Put the records that templates, plans and states are read as in place of these.

    Their resources refer to each other by names and expressions, which the records do not.
    """
    read = collect((str(place), "", value, cut) for place, (value, cut) in enumerate(values))
    records: dict[str, list[Record]] = {}
    for record in read.records:
        records.setdefault(record.file, []).append(record)
    made: list[tuple[Json, bool]] = []
    for place, given in enumerate(values):
        found = records.get(str(place), [])
        if any(isinstance(record.raw, Translated | Expanded) for record in found):
            made += [(dict(record.raw), not record.full) for record in found]
        else:
            made.append(given)
    return made


def _unmasked(content: Any) -> dict[str, Any]:
    if isinstance(content, bytes):
        try:
            return {"text": decode(content)}
        except UnicodeDecodeError:
            return {"text": ""}
    return {"value": content}


def _masked_input(value: Json, projected: bool) -> dict[str, Any]:
    if not projected:
        return {"value": value}
    # As its reader met it: with a line that says that something was left out.
    return {"text": f"[\n{json.dumps(value)}\n...\n]"}


def _source(one: Mapping[str, Any]) -> Any:
    if "text" in one:
        return str(one["text"]).encode()
    value = one["value"]
    return value if isinstance(value, (dict, list)) else json.dumps(value).encode()


def _masked_question(masker: Masker, asked: str) -> str:
    scope, _, fact = asked.rpartition(":")
    vm, disk = vm_and_disk(scope)
    parts = [masker.text(vm)] if vm else []
    parts += [disk if names_disk("disk", disk) else masker.text(disk)] if disk else []
    return ":".join((*parts, fact))


# --------------------------------------------------------------------------- proof


def _prove(masker: Masker, before: Assessment, after: Assessment, made: Json) -> None:
    """See that a masked case is judged as the original, and holds none of its names."""
    wanted = [_compared(one, masker) for one in before.verdicts]
    if wanted != [_compared(one, None) for one in after.verdicts]:
        raise CaseError(
            "the masked records are not judged as the original ones, so the case is not saved;"
            " save it without masking, or share the records of the VM alone"
        )
    left = _left_over(masker, made)
    if left:
        raise CaseError(
            f"{len(left)} names would still stand in the masked case, so it is not saved;"
            " share the records of the VM alone"
        )


def _compared(verdict: Verdict, masker: Masker | None) -> Any:
    """Give what has to be equal: all but names, and these as their pseudonyms."""
    told = verdict.to_dict()

    def name(text: str | None) -> str | None:
        return masker.text(text) if masker and text else text

    disks = tuple(
        (name(one["id"]), name(one["name"]), one["lun"], one["role"], tuple(one["rows"]))
        for one in told.pop("exclude_disks")
    )
    missing = tuple(one["fact_id"] for one in told.pop("missing"))
    # An id that no record shows is a place in a file, and that is another one.
    vm = name(told.pop("vm_id")) if verdict.vm_id.startswith("/") else ""
    named = name(told.pop("vm_name")) if not is_expression(verdict.vm_name) else told.pop("vm_name")
    told.pop("vm_id", None)
    return vm, "" if is_expression(verdict.vm_name) else named, disks, missing, sorted(told.items())


def _left_over(masker: Masker, made: Json) -> list[str]:
    """Give the names that were replaced and still stand in a text or a key, as whole words.

    A name that is a word of Azure's too, such as that of an extension, is known to everybody.
    """
    words = {word for text in _texts(made) for word in _words(text)} - masker.public
    return [name for name in masker.names if name in words]


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from _texts(child)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.-]+", text.lower())
