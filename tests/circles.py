"""Circles of imports between the files of a crate. `tests/guards.py` runs it.

A file imports another where it names something of it: in a `use`, or by a path. What a file re-exports counts as a name
of the file that has it. A module's own tests don't count.
"""
import re
from pathlib import Path

CRATES = ("shared/src", "functions/api/src")
# Circles on purpose: files that are one thing. Each is a set of files, and why.
KNOWN = [
    ({"domain/link", "domain/pin/idempotency", "domain/pin/request", "domain/reconcile/matching"},
     "a pin keeps the hash of its content, and Pins of a board are found by the same hash"),
    ({"domain/reconcile/equivalence", "domain/reconcile/equivalence/link"}, "the keys of texts, and those of links"),
    ({"adapters/dynamodb", "adapters/dynamodb/item", "adapters/dynamodb/request_fields", "adapters/dynamodb/rows",
      "adapters/dynamodb/transaction"},
     "the store, and what its files of rows share"),
    ({"testing/fake_store", *(f"testing/fake_store/{rows}" for rows in (
        "activity", "connections", "imports", "purge", "rollups", "schedules", "task_tokens", "tenants", "webhooks"))},
     "one store's tables, a row family a file"),
    ({"routes/pins", "routes/pins/bulk", "routes/pins/edit", "routes/pins/receipt", "routes/pins/resolve",
      "routes/pins/retry", "routes/pins/timeline"},
     "the endpoints of one noun, and how they find a pin by its id"),
    ({"routes/webhooks", "routes/webhooks/deliveries", "routes/webhooks/replay",
      "routes/webhooks/replays"},
     "the endpoints of one noun, and how they find a webhook by its id"),
    ({"adapters/envelope", "adapters/envelope/data_keys", "adapters/envelope/reseal"},
     "sealing under keys that are renewed: what is sealed anew is what was sealed"),
    ({"flows/schedules", "flows/schedules/cancel_schedule"},
     "the flows of one noun: to remove a schedule finishes a cancellation that died"),
    ({"routes/imports", "routes/imports/errors"}, "the endpoints of one noun, and their errors"),
    ({"routes", "routes/system"}, "the document is one of the endpoints that it describes"),
    ({"domain/reconcile/matching/tests", "domain/reconcile/matching/tests/never_stricter"}, "tests of one rule"),
]

MODULE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);", re.M)
USE = re.compile(r"^\s*(pub(?:\([^)]*\))? )?use ([^;]+);", re.M)
PATH = re.compile(r"\b((?:crate|super|self)(?:::\w+)+)")
NAMED = re.compile(
    r"^\s*(?:pub(?:\([^)]*\))? )?(?:(?:const|async) )*(?:struct|enum|fn|const|static|trait|type|macro_rules!) (\w+)"
    r"|^\s*(?:pub (?:struct|fn|const) |names!\(\s*)(\w+)", re.M)


def without_tests(text):
    """The code, without comments and without items behind `#[cfg(test)]`."""
    kept, lines = [], iter(text.splitlines())
    for line in lines:
        if re.match(r"\s*#\[cfg\((?:test|all\(test)", line):
            indent = line[: len(line) - len(line.lstrip())]
            item = next(line for line in lines if not line.lstrip().startswith("#["))
            end = f"{indent}}}" if item.rstrip().endswith("{") else None
            while item.rstrip() != end if end else not item.rstrip().endswith(";"):
                item = next(lines)
        elif not line.lstrip().startswith("//"):
            kept.append(line)
    return "\n".join(kept)


def paths_of(use):
    """`a::{b, c::{d}}` is `a::b` and `a::c::d`."""
    head, brace, group = use.strip().partition("{")
    if not brace:
        return [head.split(" as ")[0].strip()]
    parts, depth = [""], 0
    for letter in group[: group.rindex("}")]:
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [head + path for part in parts if part.strip() for path in paths_of(part)]


class Crate:
    def __init__(self, texts):
        """`texts` are the files' contents by their paths below `src`."""
        self.code = {}
        for name, text in texts.items():
            parts = tuple(name.removesuffix(".rs").split("/"))
            self.code[parts[:-1] if parts[-1] in ("mod", "lib") else parts] = without_tests(text)
        self.names = {module: {a or b for a, b in NAMED.findall(code)} for module, code in self.code.items()}
        self.passed_on = {module: [path for is_public, use in USE.findall(code) if is_public for path in paths_of(use)]
                          for module, code in self.code.items()}

    def file_of(self, module, path, seen=()):
        """The file that has what the path names, as written in the file of `module`; `None` for another crate's."""
        base, parts = module, path.replace(" ", "").split("::")
        if parts[0] == "crate":
            base, parts = (), parts[1:]
        elif parts[0] == "self":
            parts = parts[1:]
        elif parts[0] == "super":
            while parts and parts[0] == "super":
                base, parts = base[:-1], parts[1:]
        elif (*module, parts[0]) not in self.code:
            return None
        while parts and (*base, parts[0]) in self.code:
            base, parts = (*base, parts[0]), parts[1:]
        if not parts or parts[0] in self.names.get(base, ()) or (base, parts[0]) in seen:
            return base
        for passed in self.passed_on.get(base, ()):
            head, _, last = passed.rpartition("::")
            if last in (parts[0], "*"):
                found = self.file_of(base, f"{head}::{parts[0]}", (*seen, (base, parts[0])))
                if found is not None and (last != "*" or parts[0] in self.names.get(found, ())):
                    return found
        return base

    def imports(self):
        """The files that each file imports."""
        graph = {}
        for module, code in self.code.items():
            paths = [path for is_public, use in USE.findall(code) if not is_public for path in paths_of(use)]
            rest = USE.sub("", code)
            paths += PATH.findall(rest)
            for child in MODULE.findall(code):
                paths += re.findall(rf"(?<![:\w.])({child}(?:::\w+)+)", rest)
            found = {self.file_of(module, " ".join(path.split())) for path in paths}
            graph[module] = sorted(file for file in found if file is not None and file != module)
        return graph


def circles_in(graph):
    """The sets of files that reach each other (Tarjan)."""
    order, lowest, stack, circles = {}, {}, [], []

    def visit(file):
        order[file] = lowest[file] = len(order)
        stack.append(file)
        for other in graph.get(file, ()):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[file] = min(lowest[file], lowest[other])
        if lowest[file] == order[file]:
            circle = {stack.pop()}
            while file not in circle:
                circle.add(stack.pop())
            if len(circle) > 1:
                circles.append({"/".join(each) or "lib" for each in circle})

    for file in sorted(graph):
        if file not in order:
            visit(file)
    return circles


def read(root, source):
    folder = Path(root) / source
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.rs"))}


def violations(crates, known=None):
    """`crates` are the texts of each crate by its `src`."""
    known = KNOWN if known is None else known
    met = []
    for source, texts in crates.items():
        for circle in circles_in(Crate(texts).imports()):
            if any(circle <= files for files, _ in known):
                met.append(circle)
            else:
                yield f"{source}: a circle of imports: {', '.join(sorted(circle))}"
    for files, why in known:
        if not any(circle == files for circle in met):
            yield f"tests/circles.py: no such circle any more ({why}): {', '.join(sorted(files))}"
