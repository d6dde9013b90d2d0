"""Verifies a trail with nothing but Python's standard library: python3 verify_trail.py DIRECTORY"""

import glob
import hashlib
import json
import os
import sys


def files(directory):
    found = []
    for path in glob.glob(os.path.join(glob.escape(directory), "audit-*.jsonl")):
        with open(path, "rb") as file:
            first = file.readline()
        if first:
            found.append((json.loads(first)["seq"], path))
    return [path for _, path in sorted(found)]


def verify(directory):
    seq, previous, time = 0, "genesis", ""
    for path in files(directory):
        for number, raw in enumerate(open(path, "rb"), 1):
            line = raw.decode("ascii").removesuffix("\n")
            entry = json.loads(line)
            stated = entry.pop("hash")
            text = json.dumps(entry, sort_keys=True)
            digest = hashlib.sha256((text + previous).encode()).hexdigest()[: len(stated)]
            assert line == f'{text[:-1]}, "hash": "{stated}"}}', f"{path}:{number}: not canonical"
            assert entry["prev_hash"] == previous, f"{path}:{number}: the chain is broken"
            assert entry["seq"] == seq, f"{path}:{number}: entries are missing or repeated"
            assert digest == stated, f"{path}:{number}: the hash is wrong"
            stepped = entry["event_type"] == "audit_clock_stepped"
            assert stepped or entry["timestamp"] >= time, f"{path}:{number}: time goes back"
            seq, previous, time = seq + 1, stated, entry["timestamp"]
    return seq


print(verify(sys.argv[1]), "entries, intact")
