#!/usr/bin/env python3
"""Copies template.yaml without the alarms that MiniStack can't create: those over metric math (`Metrics`).

    emulated.py TEMPLATE COPY     prints the alarms that it leaves out

cfn-lint and `sam validate` check the whole template; tests/it/pages/runbooks.rs reads those alarms.
"""
import re
import sys


def main(template, copy):
    # Resources are separated by blank lines; a resource begins with its name, indented by two.
    parts = open(template, encoding="utf-8").read().split("\n\n")
    kept = []
    for part in parts:
        name = re.search(r"^  (\w+Alarm):$", part, re.MULTILINE)
        if name and "Type: AWS::CloudWatch::Alarm" in part and re.search(r"^      Metrics:$", part, re.MULTILINE):
            print(name.group(1))
            continue
        kept.append(part)
    open(copy, "w", encoding="utf-8").write("\n\n".join(kept).rstrip("\n") + "\n")


main(*sys.argv[1:])
