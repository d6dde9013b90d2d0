"""Compares a trail with what was given to it, line by line "SEQ JSON": python3 same_values.py DIRECTORY INPUTS"""

import glob
import json
import os
import sys

entries = {}
for path in glob.glob(os.path.join(glob.escape(sys.argv[1]), "audit-*.jsonl")):
    for line in open(path, encoding="ascii"):
        entry = json.loads(line)
        entries[entry["seq"]] = entry


def spelled(value):
    # Text tells 1 from 1.0 and -0.0 from 0.0; an integer -0 is 0 in the trail as it is in Python.
    return json.dumps(value, sort_keys=True)


count = 0
for line in open(sys.argv[2], encoding="utf-8", newline="\n"):
    seq, given = line.split(" ", 1)
    given, entry = json.loads(given), entries[int(seq)]
    for member in ("event_type", "actor", "details"):
        assert spelled(given[member]) == spelled(entry[member]), f"seq {seq}: {member}"
    count += 1
print(count, "entries are what was given")
