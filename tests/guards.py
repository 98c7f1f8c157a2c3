#!/usr/bin/env python3
"""Checks of the house: words that are out, long lines of prose, pages that name files which are gone, arrows between
layers, circles of imports, benchmarks by hand.

    tests/guards.py          prints each violation as file:line; exits 1 if there is any
    tests/guards.py selftest shows that each guard can fail

Few and quick: everything is read once, as text.
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

import circles
import entities

ROOT = Path(__file__).resolve().parent.parent
PROSE_COLUMNS_MAX = 120
COMMENT = re.compile(r"\s*(?:#|//[/!]?)\s")

# The field's word stands behind each word that is out. Strings that clients or rows know are not words of ours: see
# KNOWN.
WORDS_OUT = {
    r"\bclock[ _-]rows?\b|\bClockRow\b": "recovery marker",
    r"\bwatchdogs?\b": "rescuer",
    r"\btall(?:y|ies)\b": "rollup",
    r"\bparked[ _-]letters?\b": "redrive queue",
    r"\bgraves?\b|\bexhume|\bbur(?:y|ied)\b": "tombstone",
    r"\bshel(?:f|ves)\b": "index partition",
    r"\blook[ _-](?:queue|message)s?\b|\bLookMessage\b": "reconciliation queue",
    r"\bdoubt(?:s|ful)?\b": "unresolved",
    r"\bHopeless\b": "NeedsReconnect",
    r"\bunheard of\b": "needs resend",
    r"\ball the time\b": "contention",
    r"\bin vain\b": "without a verdict",
    r"\bis no obstacle\b|\bas what it is\b": "a plain sentence",
    r"(?<![\"`])\bOurs\.": "Extension (not part of PinBridge's API).",
    r"\blate[ _-]check\b|\bLateCheck\b": "duplicate check",
    r"\bhands in\b": "sends",
    r"\btroubles?\b|\b(?:un)?troubled\b": "fault",
    r"\bquiet time\b": "quiesce period",
}
# In code, names are read as words too: `tally_is_exact`, `TallyPage`.
NAME_BREAK = re.compile(r"_|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# The row's own names and the table of names before 0.2.0 keep the old words.
KNOWN = {
    "CHANGELOG.md",
    "tests/guards.py",
    "shared/src/adapters/dynamodb/keys.rs",
    "shared/src/adapters/dynamodb/row_kinds.rs",
}
KNOWN_FOLDERS = ("tests/it/golden/", "tests/it/adapters/golden/")
# Rows say `"late_check"`, `"tally#…"`: quoted words in the adapters are attribute values, not prose.
QUOTED = re.compile(r'"[^"\n]*"')
ADAPTERS = "shared/src/adapters/"

# No import goes upward: `domain` knows nothing but itself, `ports` only the domain, `flows` no adapter. In the API,
# `routes` are above everything.
ARROWS = {
    "shared/src/domain/": {"ports", "flows", "adapters", "context", "testing", "telemetry"},
    "shared/src/ports/": {"flows", "adapters", "context", "testing", "telemetry"},
    "shared/src/flows/": {"adapters", "testing"},
    "shared/src/adapters/": {"flows"},
    "functions/api/src/activity.rs": {"routes", "endpoint", "openapi", "request"},
    "functions/api/src/auth.rs": {"routes", "endpoint", "openapi", "request"},
    "functions/api/src/endpoint.rs": {"routes", "request"},
    "functions/api/src/error": {"routes", "endpoint", "request"},
    "functions/api/src/named_board.rs": {"routes", "endpoint", "request", "error"},
    "functions/api/src/openapi/": {"routes"},
    "functions/api/src/request/": {"routes", "activity"},
}
# `crate::ports`, `crate::{domain::x, ports::y}`, `super::super::ports`.
FROM_CRATE = re.compile(r"\b(crate|(?:super::)+super|super)::(\w+|\{[^;]*)")
# Paths in code style that pages name must exist. Pages write them from one of these folders.
PAGES = ("README.md", "infra/", "tests/simulation/README.md")
PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w-]+\.(?:rs|md|py|yaml|json))?)(?:#[^`]*)?`")
BASES = ("", "shared/src/", "shared/src/domain/", "functions/api/src/", "functions/", "infra/", "infra/docs/", "tests/it/",
         "tests/simulation/src/", "infra/pinterest-simulator/src/", "infra/local/src/")
# Folders that appear when something runs, and S3 or table keys.
MADE = re.compile(r"^(?:target|\.pinbridge|data)/|^~|^/")

# The functions are tested in tests/it: a test in one of them is built by nothing (`test = false` in its Cargo.toml).
UNTESTED = re.compile(r"functions/(?!api/)\w+/src/")
TEST = re.compile(r"\s*#\[(?:cfg\(test\)|(?:\w+::)?test\b)")

ENTITIES = "shared/src/domain/reconcile/equivalence/entities.txt"
# Doc links may name what is above.
LINK = re.compile(r"^\s*//")


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def is_read(name):
    scripts = ("tests/run", "tests/full", "tests/benchmarks", "infra/rehearsal/run", ".ci/run")
    return name.endswith((".rs", ".md", ".yaml", ".py", ".sh", ".bash", ".toml", ".html")) or name in scripts


def words(name, number, line):
    if name in KNOWN or name.startswith(KNOWN_FOLDERS):
        return
    text = QUOTED.sub('""', line) if name.startswith(ADAPTERS) else line
    texts = [text, NAME_BREAK.sub(" ", text)] if name.endswith((".rs", ".py")) else [text]
    for pattern, instead in WORDS_OUT.items():
        flags = 0 if "Ours" in pattern else re.IGNORECASE
        found = next(filter(None, (re.search(pattern, text, flags) for text in texts)), None)
        if found:
            yield f"{name}:{number}: the word '{found.group(0)}' is out; say '{instead}'"


def docstring_lines(text):
    """The numbers of a Python file's lines that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    firsts = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, owners) and node.body]
    strings = [node for node in firsts if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return {number for node in strings for number in range(node.lineno, node.end_lineno + 1)}


def prose(name, number, line, is_docstring=False):
    is_row = line.startswith("|") and line.rstrip().endswith("|")
    is_prose = name.endswith((".md", ".html")) or is_docstring or COMMENT.match(line)
    if is_prose and len(line) > PROSE_COLUMNS_MAX and not is_row and not re.search(r"https?://\S{60}", line):
        yield f"{name}:{number}: {len(line)} columns; prose has at most {PROSE_COLUMNS_MAX}"


def arrows(name, number, line):
    upper, upward = next(((folder, names) for folder, names in ARROWS.items() if name.startswith(folder)), ("", None))
    if upward is None or LINK.match(line):
        return
    # How often `super` leads to the crate: once per folder below `src`, and once for a file that is no mod.rs.
    inside = name.split("/src/", 1)[1].removesuffix(".rs").removesuffix("/mod")
    for root, what in FROM_CRATE.findall(line):
        if root != "crate" and root.count("super") < len(inside.split("/")):
            continue
        heads = {what} if not what.startswith("{") else top_of(what)
        for head in sorted(heads & upward):
            yield f"{name}:{number}: {upper} must not import {head}"


def top_of(group):
    """The first names of a group of imports: `{a::b, c::{d}}` has a and c."""
    names, depth, word = set(), 0, ""
    for letter in group:
        if letter in "{,":
            if letter == "," and depth == 1 and word:
                names.add(word.split("::")[0].strip())
            elif letter == "{" and depth == 1 and word:
                names.add(word.split("::")[0].strip())
            depth += letter == "{"
            word = ""
        elif letter == "}":
            if depth == 1 and word.strip():
                names.add(word.split("::")[0].strip())
            depth -= 1
            word = ""
        else:
            word += letter
    return {each for each in names if each}


def paths(name, number, line):
    if not (name.endswith(".md") and name.startswith(PAGES)):
        return
    for path in PATH.findall(line):
        if MADE.match(path) or any((ROOT / base / path).exists() for base in BASES):
            continue
        if not (ROOT / name).parent.joinpath(path).exists():
            yield f"{name}:{number}: there is no {path}"


def untested(name, number, line):
    if UNTESTED.match(name) and TEST.match(line):
        yield f"{name}:{number}: nothing builds a test here; it belongs into tests/it"


def violations(names=None):
    for name in names if names is not None else files():
        if not is_read(name):
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        docstrings = docstring_lines(text) if "python" in text.partition("\n")[0] or name.endswith(".py") else ()
        is_test, statement = False, ""
        for number, line in enumerate(text.splitlines(), 1):
            # A module's own tests may use the fakes. They end with the brace that closes them.
            is_test = is_test or "#[cfg(test)]" in line
            if is_test and line == "}":
                is_test = False
            yield from words(name, number, line)
            yield from prose(name, number, line, number in docstrings)
            yield from paths(name, number, line)
            yield from untested(name, number, line)
            if is_test:
                continue
            # An import may go over several lines.
            statement = f"{statement} {line.strip()}" if statement else line
            if statement.lstrip().startswith(("use ", "pub use ", "pub(crate) use ")) and ";" not in statement:
                continue
            yield from arrows(name, number, statement)
            statement = ""


def benchmarks():
    check = subprocess.run([sys.executable, str(ROOT / "tests/benchmarks"), "--check"], capture_output=True, text=True)
    if check.returncode != 0:
        lines = (check.stdout + check.stderr).strip().splitlines()
        yield from lines or ["infra/docs/benchmarks.md wasn't written by tests/benchmarks"]


CIRCLE = {
    "domain/a/mod.rs": "mod b;\nmod c;\npub use c::C;\nuse b::B;\npub struct A;\n",
    "domain/a/b.rs": "use super::A;\npub struct B;\n",
    "domain/a/c.rs": "pub struct C;\n",
}
# `b` names what the folder's `mod.rs` only passes on.
NO_CIRCLE = {**CIRCLE, "domain/a/b.rs": "use super::C;\npub struct B;\n#[cfg(test)]\nmod tests {\n    use super::super::A;\n}\n"}


def named_entities(text):
    if text != entities.text():
        yield f"{ENTITIES} is not what tests/entities.py writes"


def selftest():
    """Each guard finds what it is for."""
    found = [
        list(circles.violations({"shared/src": CIRCLE}, known=[])),
        list(circles.violations({"shared/src": NO_CIRCLE}, known=[({"domain/a", "domain/a/b"}, "why")])),
        list(arrows("functions/api/src/request/options.rs", 1, "use crate::routes;")),
        list(words("shared/src/lib.rs", 1, "/// A clock row.")),
        list(prose("README.md", 1, "word " * 25)),
        list(prose("functions/api/src/openapi/guide.html", 1, "<p>" + "word " * 25)),
        list(prose("tests/guards.py", 1, "word " * 25, is_docstring=True)),
        list(arrows("shared/src/domain/pin/mod.rs", 1, "use crate::ports::Pins;")),
        list(arrows("shared/src/domain/pin/retry.rs", 1, "use crate::{domain::time::Moment, ports::{Pins, Write}};")),
        list(arrows("shared/src/domain/pin/retry.rs", 1, "use super::super::super::ports::Pins;")),
        list(words("tests/it/flows/purge.rs", 1, "async fn the_watchdogRow_is_purged() {")),
        list(words("shared/src/lib.rs", 1, "struct TallyPage;")),
        list(paths("infra/docs/architecture.md", 1, "| why a pin waits | `domain/pin/nowhere.rs` |")),
        list(untested("functions/publisher/src/lib.rs", 1, "#[cfg(test)]")),
        list(untested("functions/notifier/src/main.rs", 1, "    #[tokio::test]")),
        list(named_entities(entities.text().replace("hearts=", "heart="))),
    ]
    missed = [index for index, hits in enumerate(found) if not hits]
    allowed = [
        *circles.violations({"shared/src": CIRCLE}, known=[({"domain/a", "domain/a/b"}, "why")]),
        *circles.violations({"shared/src": NO_CIRCLE}, known=[]),
        *words("shared/src/lib.rs", 1, "/// A recovery marker."),
        *prose("README.md", 1, "| " + "cell " * 40 + "|"),
        *untested("functions/api/src/auth.rs", 1, "#[cfg(test)]"),
        *arrows("shared/src/domain/mod.rs", 1, "//! [`Pins`](crate::ports::Pins)"),
        *arrows("shared/src/domain/pin/retry.rs", 1, "use crate::{domain::ports::x, config::y};"),
        *arrows("shared/src/domain/pin/retry.rs", 1, "use super::ports::x;"),
        *paths("infra/docs/architecture.md", 1, "| why a pin waits | `domain/pin/blocker.rs`, `tests/it/golden/` |"),
    ]
    return [f"guard {index} finds nothing" for index in missed] + [f"too strict: {hit}" for hit in allowed]


def main():
    found = selftest()
    if sys.argv[1:] != ["selftest"]:
        sources = {source: circles.read(ROOT, source) for source in circles.CRATES}
        entities_text = (ROOT / ENTITIES).read_text(encoding="utf-8")
        found += [*violations(), *circles.violations(sources), *benchmarks(), *named_entities(entities_text)]
    for line in found:
        print(line)
    print(f"guards: {len(found)} violation{'' if len(found) == 1 else 's'}")
    sys.exit(bool(found))


main()
