"""A report as a simple Python script makes it: parse each line, keep the entries of the period, count them.
Peer of the bench rows "report": python3 tally.py FILE"""

import collections
import datetime
import json
import sys


def tally(path, days):
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    kept = []
    with open(path, encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            if entry["timestamp"] >= since.isoformat():
                kept.append(entry)
    counts = {name: collections.Counter(entry[name] for entry in kept) for name in ("event_type", "actor")}
    return counts | {"total": len(kept), "first": kept[0]["timestamp"], "last": kept[-1]["timestamp"]}


if __name__ == "__main__":
    print(json.dumps(tally(sys.argv[1], 30), sort_keys=True))
