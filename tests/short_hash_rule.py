"""The rule by which the Python tool's own verifier accepts a file: python3 short_hash_rule.py FILE"""

import hashlib
import json
import sys

previous = "genesis"
for number, line in enumerate(open(sys.argv[1], encoding="utf-8"), 1):
    entry = json.loads(line)
    stated = entry.pop("hash")
    text = json.dumps(entry, sort_keys=True) + previous
    if entry["prev_hash"] != previous or hashlib.sha256(text.encode()).hexdigest()[:16] != stated:
        sys.exit(f"line {number}")
    previous = stated
print("ok")
