#!/usr/bin/env python3
"""Writes first-run.svg beside this file: the README's picture of what `cargo run` prints in an empty folder.

Builds the local stack, starts it in a new folder, takes its real output and stops it. Only the API key and the password
are masked. Needs no network and a free port 8080 (or --port).

Usage: infra/docs/first_run.py [--port PORT]
"""

import argparse
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path(__file__).with_name("first-run.svg")
BINARY = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "pinbridge-local"
READY = "Ready. Press Ctrl-C to stop."

# Sizes in pixels. A dark panel reads well on a light and on a dark page.
FONT_SIZE, CHARACTER_WIDTH, LINE_HEIGHT, MARGIN, CORNER = 13, 7.8, 18, 18, 8
BACKGROUND, BORDER, TEXT, HEADING, PROMPT = "#1b1f27", "#4a5260", "#d5dae3", "#ffffff", "#7fd69a"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def output_of(port):
    """What the stack prints from its start until it is ready."""
    subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        stack = subprocess.Popen([BINARY, "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            lines = []
            for line in stack.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith(READY):
                    return lines
            raise SystemExit(f"the stack ended before it was ready (exit status {stack.wait()})")
        finally:
            stack.send_signal(signal.SIGINT)
            stack.communicate()


def masked(line):
    line = re.sub(r"pb_(live|test)_[0-9a-f]+", r"pb_\1_…", line)
    return re.sub(r"(password )\S+", r"\1…", line)


def colour(line):
    """The prompt, then the lines that begin a section; the examples are neither."""
    if line.startswith("$ "):
        return f' fill="{PROMPT}"'
    is_heading = re.match(r"[A-Z].*[.:]$", line)
    return f' fill="{HEADING}" font-weight="bold"' if is_heading else ""


def picture(lines):
    columns = max(map(len, lines))
    width = round(columns * CHARACTER_WIDTH) + 2 * MARGIN
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" role="img">')
    yield "<title>The output of cargo run: a demo pin, its delivery, the pages to open, two examples</title>"
    yield (f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="{CORNER}" '
           f'fill="{BACKGROUND}" stroke="{BORDER}"/>')
    yield f'<g font-family="{FONT}" font-size="{FONT_SIZE}" fill="{TEXT}">'
    for row, line in enumerate(lines):
        text = line.lstrip(" ")
        if not text:
            continue
        x = MARGIN + (len(line) - len(text)) * CHARACTER_WIDTH
        y = MARGIN + row * LINE_HEIGHT + FONT_SIZE
        # The length keeps columns aligned whatever font the reader has.
        yield (f'<text x="{x:g}" y="{y}" textLength="{len(text) * CHARACTER_WIDTH:g}" xml:space="preserve"'
               f'{colour(line)}>{escape(text)}</text>')
    yield "</g>"
    yield "</svg>"


def main():
    arguments = argparse.ArgumentParser(description="Writes the README's picture of the output of cargo run.")
    arguments.add_argument("--port", type=int, default=8080, help="port of the API (default: 8080)")
    lines = ["$ cargo run", *map(masked, output_of(arguments.parse_args().port))]
    PICTURE.write_text("\n".join(picture(lines)) + "\n")
    print(f"{PICTURE.relative_to(ROOT)}: {len(lines)} lines, {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
