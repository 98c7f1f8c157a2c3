#!/usr/bin/env python3
"""Checks of the house: words that are out, long lines of prose, pages that name files which are gone, arrows between
layers, benchmarks by hand.

    tests/guards.py          prints each violation as file:line; exits 1 if there is any
    tests/guards.py selftest shows that each guard can fail

Few and quick: everything is read once, as text.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROSE_COLUMNS_MAX = 120

# The field's word stands behind each word that is out. Strings that clients or rows know are not words of ours: see KNOWN.
WORDS_OUT = {
    r"\bclock[ _-]rows?\b|\bClockRow\b": "recovery marker",
    r"\bwatchdogs?\b": "rescuer",
    r"\btall(?:y|ies)\b": "rollup",
    r"\bparked[ _-]letters?\b": "redrive queue",
    r"\bgraves?\b|\bexhume|\bbur(?:y|ied)\b": "tombstone",
    r"\bshel(?:f|ves)\b": "index partition",
    r"\blook[ _-](?:queue|message)s?\b|\bLookMessage\b": "reconciliation queue",
    r"\bin doubt\b|\bdoubts\b": "unresolved",
    r"\bHopeless\b": "NeedsReconnect",
    r"\bunheard of\b": "needs resend",
    r"\ball the time\b": "contention",
    r"\bin vain\b": "without a verdict",
    r"\bis no obstacle\b|\bas what it is\b": "a plain sentence",
    r"(?<![\"`])\bOurs\.": "Extension (not part of PinBridge's API).",
    r"\blate[ _-]check\b|\bLateCheck\b": "duplicate check",
    r"\bhands in\b": "sends",
    r"\btroubles?\b": "fault",
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

# No import goes upward: `domain` knows nothing but itself, `ports` only the domain, `flows` no adapter.
ARROWS = {
    "shared/src/domain/": re.compile(r"\bcrate::(?:ports|flows|adapters|context|testing)\b"),
    "shared/src/ports/": re.compile(r"\bcrate::(?:flows|adapters|context|testing)\b"),
    "shared/src/flows/": re.compile(r"\bcrate::(?:adapters|testing)\b"),
    "shared/src/adapters/": re.compile(r"\bcrate::flows\b"),
}
# Paths in code style that pages name must exist. Pages write them from one of these folders.
PAGES = ("README.md", "infra/", "tests/simulation/README.md")
PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w-]+\.(?:rs|md|py|yaml|json))?)(?:#[^`]*)?`")
BASES = ("", "shared/src/", "shared/src/domain/", "functions/api/src/", "functions/", "infra/", "infra/docs/", "tests/it/",
         "tests/simulation/src/", "infra/pinterest-simulator/src/", "infra/local/src/")
# Folders that appear when something runs, and S3 or table keys.
MADE = re.compile(r"^(?:target|\.pinbridge|data)/|^~|^/")

# Doc links may name what is above.
LINK = re.compile(r"^\s*//")


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def is_read(name):
    return name.endswith((".rs", ".md", ".yaml", ".py", ".sh")) or name in ("tests/run", "tests/full", ".ci/run")


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


def prose(name, number, line):
    is_table = line.lstrip().startswith("|")
    if name.endswith(".md") and len(line) > PROSE_COLUMNS_MAX and not is_table and not re.search(r"https?://\S{60}", line):
        yield f"{name}:{number}: {len(line)} columns; prose has at most {PROSE_COLUMNS_MAX}"


def arrows(name, number, line):
    for folder, upward in ARROWS.items():
        if name.startswith(folder) and not LINK.match(line) and upward.search(line):
            yield f"{name}:{number}: {folder} must not import {upward.search(line).group(0)}"


def paths(name, number, line):
    if not (name.endswith(".md") and name.startswith(PAGES)):
        return
    for path in PATH.findall(line):
        if MADE.match(path) or any((ROOT / base / path).exists() for base in BASES):
            continue
        if not (ROOT / name).parent.joinpath(path).exists():
            yield f"{name}:{number}: there is no {path}"


def violations(names=None):
    for name in names if names is not None else files():
        if not is_read(name):
            continue
        is_test = False
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            # A module's own tests may use the fakes.
            is_test = is_test or "#[cfg(test)]" in line
            yield from words(name, number, line)
            yield from prose(name, number, line)
            yield from paths(name, number, line)
            if not is_test:
                yield from arrows(name, number, line)


def benchmarks():
    check = subprocess.run([sys.executable, str(ROOT / "tests/benchmarks"), "--check"], capture_output=True, text=True)
    if check.returncode != 0:
        yield (check.stdout + check.stderr).strip() or "infra/docs/benchmarks.md wasn't written by tests/benchmarks"


def selftest():
    """Each guard finds what it is for."""
    found = [
        list(words("shared/src/lib.rs", 1, "/// A clock row.")),
        list(prose("README.md", 1, "word " * 25)),
        list(arrows("shared/src/domain/pin/mod.rs", 1, "use crate::ports::Pins;")),
        list(paths("infra/docs/architecture.md", 1, "| why a pin waits | `domain/pin/nowhere.rs` |")),
    ]
    missed = [index for index, hits in enumerate(found) if not hits]
    allowed = [
        *words("shared/src/lib.rs", 1, "/// A recovery marker."),
        *prose("README.md", 1, "| " + "cell " * 40),
        *arrows("shared/src/domain/mod.rs", 1, "//! [`Pins`](crate::ports::Pins)"),
        *paths("infra/docs/architecture.md", 1, "| why a pin waits | `domain/pin/blocker.rs`, `tests/it/golden/` |"),
    ]
    return [f"guard {index} finds nothing" for index in missed] + [f"too strict: {hit}" for hit in allowed]


def main():
    found = selftest()
    if sys.argv[1:] != ["selftest"]:
        found += [*violations(), *benchmarks()]
    for line in found:
        print(line)
    print(f"guards: {len(found)} violations")
    sys.exit(bool(found))


main()
