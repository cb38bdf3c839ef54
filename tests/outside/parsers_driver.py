"""Parse commands with grammars from outside, and tell which values they hold.

Runs inside the environment that holds the grammars. One JSON object a line comes in:
``language`` (``powershell``, ``bicep``, ``hcl``) and ``text``, or ``{"language": "api"}`` for
what the versioned models of azure-mgmt-compute know. One goes out for each: ``errors`` (empty
when every parser takes the text and it holds nothing but literals) and ``value``.

Where a string begins and ends is for the grammars to say. Every node that is not a literal, or
one of the few forms the project writes on purpose, is an error: an expansion, an interpolation
or a statement that a value smuggled in cannot pass unseen.
"""

import json
import re
import sys


class RefusedError(Exception):
    """The text parses, but holds something that should not be there."""


def _text(node):
    return node.text.decode()


def _named(node):
    return [child for child in node.children if child.is_named]


def _parser(module):
    import tree_sitter

    return tree_sitter.Parser(tree_sitter.Language(module.language()))


def _tree(parser, text):
    root = parser.parse(text.encode()).root_node
    if root.has_error:
        raise RefusedError(f"syntax error: {root}")
    return root


# --- PowerShell ---

_QUOTES = "'\u2018\u2019\u201a\u201b"


class PowerShell:
    """Evaluates assignments of literals, and lists the commands between them."""

    def __init__(self):
        import tree_sitter_powershell

        self.parser = _parser(tree_sitter_powershell)

    def read(self, text):
        root = _tree(self.parser, text)
        result = {"variables": {}, "commands": []}
        self.statements(root, result)
        return result

    def statements(self, node, result):
        for child in _named(node):
            if child.type in {"statement_list", "statement_block", "do_statement"}:
                self.statements(child, result)
            elif child.type in {"while_condition", "do_condition"}:
                result["commands"].append([_text(child)])
            elif child.type == "pipeline":
                self.pipeline(child, result)
            else:
                raise RefusedError(f"a statement of the kind {child.type}: {_text(child)!r}")

    def pipeline(self, node, result):
        (inner,) = _named(node)[:1]
        if inner.type == "assignment_expression":
            left, operator, right = _named(inner)
            if _text(operator) != "=":
                raise RefusedError(f"an assignment with {_text(operator)}")
            name = _text(left)
            commands = list(self.commands(right))
            if commands:
                result["commands"] += commands
            else:
                result["variables"][name] = self.value(right)
        else:
            result["commands"] += list(self.commands(node)) or [[_text(node)]]

    def commands(self, node):
        if node.type == "command":
            name, *elements = _named(node)
            arguments = [_text(name)]
            for element in elements:
                for part in _named(element):
                    if part.type == "command_argument_sep":
                        continue
                    arguments.append(self.argument(part))
            yield arguments
        for child in node.children:
            yield from self.commands(child)

    def argument(self, node):
        # A bare word is told from a string with the same characters.
        if node.type in {"command_parameter", "generic_token"}:
            return {"word": _text(node)}
        try:
            return self.value(node)
        except RefusedError:
            plain = re.fullmatch(r"[@$][a-z]+|\(New-AzDiskConfig @configuration\)", _text(node))
            if plain:
                return {"word": _text(node)}
            raise

    def value(self, node):
        kind = node.type
        children = _named(node)
        if kind == "verbatim_string_characters":
            return self.verbatim(_text(node))
        if kind == "verbatim_here_string_characters":
            match = re.fullmatch(r"@'[ \t]*\r?\n(.*)\r?\n'@", _text(node), re.DOTALL)
            if match is None or re.search(rf"\n[{_QUOTES}]@", match[1]):
                raise RefusedError(f"a here-string that ends early: {_text(node)!r}")
            return match[1]
        if kind == "variable":
            if _text(node) in {"$true", "$false"}:
                return _text(node) == "$true"
            raise RefusedError(f"a variable inside a value: {_text(node)}")
        if kind == "decimal_integer_literal":
            return int(_text(node))
        if kind == "hexadecimal_integer_literal":
            return int(_text(node), 16)
        if kind == "simple_name":
            return _text(node)
        if kind == "hash_literal_expression":
            return dict(self.entry(entry) for body in children for entry in _named(body))
        if kind == "array_expression":
            items = []
            for body in children:
                items += [self.value(item) for item in _named(body)]
            return items
        if kind == "additive_expression" and len(children) > 1:
            if {_text(child) for child in node.children if not child.is_named} != {"+"}:
                raise RefusedError(f"arithmetic: {_text(node)!r}")
            return "".join(self.value(child) for child in children)
        if kind == "cast_expression":
            type_, number = children
            if _text(type_) != "[char]":
                raise RefusedError(f"a cast to {_text(type_)}")
            return chr(self.value(number))
        if kind in {"invokation_expression", "member_access"}:
            match = re.fullmatch(r"\[char\]::ConvertFromUtf32\(0x([0-9A-F]+)\)", _text(node))
            if match is None:
                raise RefusedError(f"a method call: {_text(node)!r}")
            return chr(int(match[1], 16))
        if len(children) == 1 and kind in {
            "pipeline",
            "pipeline_chain",
            "logical_expression",
            "bitwise_expression",
            "comparison_expression",
            "additive_expression",
            "multiplicative_expression",
            "format_expression",
            "range_expression",
            "array_literal_expression",
            "unary_expression",
            "expression_with_unary_operator",
            "parenthesized_expression",
            "string_literal",
            "integer_literal",
            "key_expression",
        }:
            return self.value(children[0])
        raise RefusedError(f"not a literal ({kind}): {_text(node)!r}")

    def entry(self, node):
        key, value = _named(node)
        return self.value(key), self.value(value)

    @staticmethod
    def verbatim(token):
        inner = token[1:-1]
        # PowerShell ends the string at a single quote of any kind that is not followed by one.
        if re.sub(rf"[{_QUOTES}][{_QUOTES}]", "", inner).strip(_QUOTES) != re.sub(
            rf"[{_QUOTES}]", "", inner
        ):
            raise RefusedError(f"a string that ends early: {token!r}")
        return re.sub(rf"[{_QUOTES}]([{_QUOTES}])", r"\1", inner)


_ESCAPES = {r"\n": "\n", r"\r": "\r", r"\t": "\t"} | {f"\\{sign}": sign for sign in "\\'\"$"}


# --- Bicep ---


class Bicep:
    """Two parsers must take the text; the values are read from the tree of the first."""

    def __init__(self):
        import pycep
        import tree_sitter_bicep

        self.parser = _parser(tree_sitter_bicep)
        self.second = pycep.BicepParser()

    def read(self, text):
        root = _tree(self.parser, text)
        result = {"resources": [], "outputs": []}
        for child in _named(root):
            if child.type == "resource_declaration":
                result["resources"].append(self.resource(child))
            elif child.type == "output_declaration":
                result["outputs"].append(_text(child))
            elif child.type == "target_scope_assignment":
                (scope,) = _named(child)
                result["scope"] = self.value(scope)
            else:
                raise RefusedError(f"a declaration of the kind {child.type}: {_text(child)!r}")
        # The second one finds strings with regular expressions that lose track among escapes.
        if "\\" not in text:
            self.ask_second(text, [resource["symbol"] for resource in result["resources"]])
        return result

    def ask_second(self, text, symbols):
        try:
            found = list(self.second.parse(text=text + "\n").get("resources", {}))
        except Exception as error:
            raise RefusedError(f"the second parser refuses it: {error}") from error
        if found != symbols:
            raise RefusedError(f"the parsers see different resources: {found} and {symbols}")

    def resource(self, node):
        parts = _named(node)
        symbol, type_, body = (part for part in parts if part.type != "existing")
        value = self.value(body)
        return {
            "symbol": _text(symbol),
            "type": self.value(type_),
            "existing": any(child.type == "existing" for child in node.children),
            "parent": value.pop("parent", {}).get("symbol"),
            "body": value,
        }

    def value(self, node):
        if node.type == "string":
            return self.string(node)
        if node.type == "object":
            properties = {}
            for child in _named(node):
                key, value = _named(child)
                name = _text(key) if key.type == "identifier" else self.value(key)
                properties[name] = self.value(value)
            return properties
        if node.type == "array":
            return [self.value(child) for child in _named(node)]
        if node.type == "number":
            return int(_text(node))
        if node.type == "boolean":
            return _text(node) == "true"
        if node.type == "identifier":
            return {"symbol": _text(node)}
        raise RefusedError(f"not a literal ({node.type}): {_text(node)!r}")

    def string(self, node):
        for child in _named(node):
            if child.type not in {"string_content", "escape_sequence"}:
                raise RefusedError(f"an expansion ({child.type}): {_text(child)!r}")
        # From the token itself: the grammar has no nodes for blanks and for escaped dollar signs.
        return re.sub(r"\\(?:u\{[0-9a-f]+\}|.)", self.escape, _text(node)[1:-1], flags=re.DOTALL)

    @staticmethod
    def escape(match):
        if len(match[0]) > 2:
            return chr(int(match[0][3:-1], 16))
        if match[0] not in _ESCAPES:
            raise RefusedError(f"no escape of Bicep: {match[0]!r}")
        return _ESCAPES[match[0]]


# --- HCL ---


class Hcl:
    """Two parsers must take the text; the values are read from the answer of the second."""

    def __init__(self):
        import hcl2
        import tree_sitter_hcl

        self.parser = _parser(tree_sitter_hcl)
        self.loads = hcl2.loads

    def read(self, text):
        root = _tree(self.parser, text)
        self.no_templates(root)
        try:
            parsed = self.loads(text + "\n")
        except Exception as error:
            raise RefusedError(f"the second parser refuses it: {error}") from error
        return self.value(parsed)

    def no_templates(self, node):
        if "interpolation" in node.type or "directive" in node.type:
            raise RefusedError(f"an expansion: {_text(node)!r}")
        for child in node.children:
            self.no_templates(child)

    def value(self, parsed):
        if isinstance(parsed, dict):
            return {self.string(k): self.value(v) for k, v in parsed.items() if k[:2] != "__"}
        if isinstance(parsed, list):
            return [self.value(item) for item in parsed]
        return self.string(parsed) if isinstance(parsed, str) else parsed

    def string(self, text):
        if not (len(text) > 1 and text[0] == text[-1] == '"'):
            return text
        return re.sub(
            r"\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|.)",
            lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _ESCAPES[m[0]],
            text[1:-1],
            flags=re.DOTALL,
        )


# --- the Compute API ---


def api():
    """Tell for each version of azure-mgmt-compute's models what a restore point can carry."""
    import importlib
    import pkgutil

    from azure.mgmt import compute

    facts = {}
    for module in pkgutil.iter_modules(compute.__path__):
        match = re.fullmatch(r"v(\d{4})_(\d{2})_(\d{2})", module.name)
        if match is None or "-".join(match.groups()) < "2020-09-30":
            continue
        package = f"azure.mgmt.compute.{module.name}"
        models = importlib.import_module(f"{package}.models")
        operations = importlib.import_module(f"{package}.operations")
        point = getattr(models, "RestorePoint", None)
        disk_points = getattr(operations, "DiskRestorePointOperations", None)
        access = getattr(getattr(models, "GrantAccessData", None), "_attribute_map", {})
        known = set()
        if point is not None:
            known.add("restore-point")
            names = {k for k in point._attribute_map if not point._validation.get(k)}
            if "consistency_mode" in names:
                known.add("crash-consistency")
            if "source_restore_point" in names:
                known.add("copy")
            if "instance_view" in point._attribute_map:
                known.add("instance-view")
            if hasattr(models, "RestorePointEncryption"):
                known.add("disk-encryption")
        if disk_points is not None:
            known.add("disk-restore-point")
            if hasattr(disk_points, "begin_grant_access"):
                known.add("shared-access")
            if "get_secure_vm_guest_state_sas" in access:
                known.add("secure-vm-guest-state")
            if "file_format" in access:
                known.add("file-format")
            skus = {str(sku.value) for sku in models.DiskStorageAccountTypes}
            if "PremiumV2_LRS" in skus:
                known.add("premium-ssd-v2")
        if known:
            facts["-".join(match.groups())] = sorted(known)
    return facts


def main():
    readers = {}
    kinds = {"powershell": PowerShell, "bicep": Bicep, "hcl": Hcl}
    for line in sys.stdin:
        question = json.loads(line)
        language = question["language"]
        answer = {"errors": [], "value": None}
        if language == "api":
            answer["value"] = api()
        else:
            reader = readers.setdefault(language, None) or kinds[language]()
            readers[language] = reader
            try:
                answer["value"] = reader.read(question["text"])
            except RefusedError as reason:
                answer["errors"].append(str(reason))
            except Exception as error:  # a parser that breaks has not taken the text either
                answer["errors"].append(f"{type(error).__name__}: {error}")
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
