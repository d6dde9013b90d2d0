"""Logs of the Python tool, for the tests of this crate.

    python3 tool_log.py write DIRECTORY    writes each log that the tests know into a directory of its own
    python3 tool_log.py count DIRECTORY DAYS NOW    counts one log's entries, as JSON
"""

import collections
import datetime
import hashlib
import json
import os
import sys

ORDER = ("timestamp", "event_type", "actor", "details", "prev_hash", "hash")


class Tool:
    """One run of the tool, whose clock the caller winds."""

    def __init__(self, directory, start):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.now, self.last = directory, start, "genesis"

    def wind(self, **time):
        self.now += datetime.timedelta(**time)
        return self

    def note(self, event_type, actor, **details):
        self.note_object(event_type, actor, details)

    def note_object(self, event_type, actor, details):
        values = (f"{self.now.isoformat()}Z", event_type, actor, details, self.last)
        entry = dict(zip(ORDER, values))
        preimage = f"{json.dumps(entry, sort_keys=True)}{self.last}"
        self.last = entry["hash"] = hashlib.sha256(preimage.encode()).hexdigest()[:16]
        path = os.path.join(self.directory, f"audit-{self.now:%Y-%m-%d}.jsonl")
        with open(path, "a", newline="\n") as log:
            log.write(f"{json.dumps(entry)}\n")

    def video(self, actor, number):
        self.note("task_submitted", actor, action="text_to_video", model="kling-v2-master", duration=5,
                  mode="standard", prompt_hash=f"{number:016x}", prompt_length=40 + number)
        self.wind(seconds=71, microseconds=4)
        self.note("task_completed", actor, action="text_to_video", status="succeed", video_count=1)


EVENING = datetime.datetime(2026, 11, 24, 23, 50)


def midnight(directory):
    tool = Tool(directory, EVENING)
    for number in range(6):
        tool.video(("alice", "bob")[number % 2], number)
        tool.wind(minutes=3)
    tool.wind(days=2).note("auth_event", "system", event="token_minted", success=True, access_key_prefix="abcd...")


def restart(directory):
    first = Tool(directory, EVENING)
    first.video("alice", 1)
    second = Tool(directory, first.wind(seconds=5).now)
    second.video("bob", 2)
    second.wind(minutes=20).video("bob", 3)


def restart_at_midnight(directory):
    first = Tool(directory, EVENING)
    first.video("alice", 1)
    Tool(directory, datetime.datetime(2026, 11, 25)).video("alice", 2)


def values(directory):
    tool = Tool(directory, datetime.datetime(2026, 11, 24, 12))
    nested = value = {}
    for depth in range(40):
        value["deeper"] = value = {"list": [depth, [], {}]}
    for details in (
        {},
        {"nan": float("nan"), "most": float("inf"), "least": -float("inf")},
        {"floats": [0.1, 1.0, -0.0, 1e-7, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 568971736690281.25, 2.5e-5]},
        {"integers": [0, -1, 2**63, 2**64, -(2**127), 10**49, -(10**50) + 1]},
        {"text": "Zo\u00eb \U0001f3a5 \u2028\u202e \x00\x1b[31m\x7f \"\\/\b\f\n\r\t"},
        {"lone": "\ud800", "low": "a\udc00b", "pair": "\U0010ffff", "\udfff": "as a name", "reversed": "\udc00\ud800"},
        {"\U00010000": 1, "\uffff": 2, "": 3, "\n": 4, "z": 5, "Z": 6, "\u00e9": 7},
        {"none": None, "yes": True, "no": False, "empty": ["", [], {}]},
        nested,
    ):
        tool.wind(microseconds=1).note_object("values", "system", details)
    tool.wind(seconds=1).note_object("a list", "system", [1, "two"])
    tool.note_object("no details", "system", None)
    tool.note("", "", empty="both")
    tool.note("\U0001f3a5", "Zo\u00eb \U0001f3a5", same="letters")
    tool.note("lone", "\ud83d", half="of a pair")
    tool.note("steering", "\x1b[31m\u202e", what="a terminal")
    tool.note("long", "system", text="x" * 70_000)


LOGS = (midnight, restart, restart_at_midnight, values)


def scalar_values(text):
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def count(directory, days, now):
    since = datetime.datetime.fromisoformat(now) - datetime.timedelta(days=days)
    seen = []
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name)) as log:
            seen += map(json.loads, log)
    times = [datetime.datetime.fromisoformat(entry["timestamp"].removesuffix("Z")) for entry in seen]
    kept = [(time, entry) for time, entry in zip(times, seen) if time >= since]
    tally = {name: collections.Counter(scalar_values(entry[name]) for _, entry in kept) for name in ORDER[1:3]}
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    return {
        "period_days": days,
        "total_events": len(kept),
        "event_types": tally["event_type"],
        "unique_actors": len(tally["actor"]),
        "actors": tally["actor"],
        "first_event": kept[0][0].strftime(stamp) if kept else None,
        "last_event": kept[-1][0].strftime(stamp) if kept else None,
    }


if sys.argv[1] == "write":
    for log in LOGS:
        log(os.path.join(sys.argv[2], log.__name__))
else:
    print(json.dumps(count(sys.argv[2], int(sys.argv[3]), sys.argv[4])))
