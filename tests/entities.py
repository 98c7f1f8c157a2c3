#!/usr/bin/env python3
"""The named entities of HTML, as `equivalence/entities.txt` has them: the list of the HTML standard, which Python has.

    tests/entities.py > shared/src/domain/reconcile/equivalence/entities.txt

`tests/guards.py` compares the file with this list.
"""
import html.entities

HEAD = """# The named entities of HTML: `name=code points`. A name with `?` is also read without its semicolon.
# Written by tests/entities.py.
"""
COLUMNS = 120


def entities():
    """Each name, by name."""
    names = html.entities.html5
    for name in sorted(name.removesuffix(";") for name in names if name.endswith(";")):
        points = "-".join(f"{ord(character):x}" for character in names[f"{name};"])
        yield f"{name}{'?' if name in names else ''}={points}"


def text():
    lines, line = [], ""
    for entity in entities():
        if len(line) + 1 + len(entity) > COLUMNS:
            lines.append(line)
            line = ""
        line = f"{line} {entity}" if line else entity
    return HEAD + "".join(f"{line}\n" for line in [*lines, line])


if __name__ == "__main__":
    print(text(), end="")
