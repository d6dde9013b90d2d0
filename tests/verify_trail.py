"""Verifies a trail with nothing but Python's standard library: python3 verify_trail.py DIRECTORY"""

import glob
import hashlib
import json
import os
import sys


def files(directory):
    found = []
    for path in glob.glob(os.path.join(glob.escape(directory), "audit-*.jsonl")):
        first = open(path, "rb").readline()
        if first:
            found.append((json.loads(first)["seq"], path))
    return [path for _, path in sorted(found)] or sys.exit("no entries")


def verify(directory):
    seq, previous, time = 0, "genesis", ""
    for path in files(directory):
        for number, raw in enumerate(open(path, "rb"), 1):
            line = raw.decode("ascii").removesuffix("\n")
            entry = json.loads(line)
            stated, text = entry.pop("hash"), json.dumps(entry, sort_keys=True)
            digest = hashlib.sha256((text + previous).encode()).hexdigest()
            for wrong, what in (
                (line != f'{text[:-1]}, "hash": "{stated}"}}', "it is not canonical"),
                (entry["seq"] != seq, "entries are missing or repeated"),
                (entry["prev_hash"] != previous, "the chain is broken"),
                (stated not in (digest, digest[:16]), "the hash is wrong"),
                (entry["timestamp"] < time and entry["event_type"] != "audit_clock_stepped", "time goes back"),
            ):
                if wrong:
                    sys.exit(f"{path}:{number}: {what}")
            seq, previous, time = seq + 1, stated, entry["timestamp"]
    return seq


print(verify(sys.argv[1]), "entries, intact")
