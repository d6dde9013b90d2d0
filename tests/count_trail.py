"""Counts a trail independently of the crate, and prints JSON as its report has it: python3 count_trail.py DIRECTORY"""

import glob
import json
import os
import sys
from collections import Counter
from datetime import datetime


def entries(directory):
    found = []
    for path in glob.glob(os.path.join(glob.escape(directory), "audit-*.jsonl")):
        with open(path, encoding="ascii") as file:
            first = file.readline()
        if first:
            found.append((json.loads(first)["seq"], path))
    for _, path in sorted(found):
        with open(path, encoding="ascii") as file:
            yield from map(json.loads, file)


def microseconds(entry):
    moment = datetime.fromisoformat(entry["timestamp"].replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


types, actors, days, reasons = Counter(), Counter(), Counter(), Counter()
groups, tasks, spans, credentials, remarks = {}, {}, {}, {}, []
runs = {"started": 0, "stopped": 0, "not_stopped": 0}
running, total, first, last = False, 0, None, None
COLUMN = {
    "task_submitted": "submitted",
    "task_accepted": "accepted",
    "task_refused": "refused",
    "task_ambiguous": "ambiguous",
    "task_completed": "completed",
    "task_failed": "failed",
}
PASSED_OVER = ("audit_started", "audit_stopped", "audit_verified", "audit_checkpoint", "audit_self_test")

for entry in entries(sys.argv[1]):
    kind, details = entry["event_type"], entry["details"]
    total += 1
    types[kind] += 1
    actors[entry["actor"]] += 1
    days[entry["timestamp"][:10]] += 1
    first, last = first or entry["timestamp"], entry["timestamp"]
    if kind.endswith(".opened"):
        spans[entry["seq"]] = kind.removesuffix(".opened")
    elif kind.endswith(".closed"):
        spans.pop(entry["context"]["span_seq"])
    elif kind == "audit_started":
        runs["started"] += 1
        runs["not_stopped"] += running
        running = True
    elif kind == "audit_stopped":
        runs["stopped"] += 1
        running = False
    elif kind.startswith("audit_") and kind not in PASSED_OVER:
        remarks.append(entry["seq"])
    elif kind == "auth_event":
        used = credentials.setdefault(details["access_key_prefix"], Counter())
        used[details["event"]] += 1
        used["+" if details["success"] else "-"] += 1
    elif kind in COLUMN:
        key = details["external_task_id"]
        if kind == "task_submitted":
            tasks[key] = [(details["action"], details["model"]), "submitted", microseconds(entry), entry["seq"]]
        group = tasks[key][0]
        groups.setdefault(group, Counter())[COLUMN[kind]] += 1
        if kind == "task_completed":
            took = groups[group].setdefault("took", [])
            took.append(microseconds(entry) - tasks[key][2])
        if kind in ("task_refused", "task_failed"):
            reasons[kind, details.get("code"), details["reason"]] += 1
        if kind in ("task_refused", "task_completed", "task_failed"):
            del tasks[key]
        else:
            tasks[key][1] = COLUMN[kind]


def open_tasks(state):
    return sorted(seq for _, now, _, seq in tasks.values() if now == state)


def took(group):
    values = group.get("took")
    return values and [len(values), min(values), max(values), sum(values)]


print(
    json.dumps(
        {
            "total_events": total,
            "event_types": types,
            "unique_actors": len(actors),
            "actors": actors,
            "first_event": first,
            "last_event": last,
            "days": days,
            "tasks": sorted(
                [action, model or "", [group[name] for name in COLUMN.values()], took(group)]
                for (action, model), group in groups.items()
            ),
            "reasons": sorted([kind, code or 0, reason, count] for (kind, code, reason), count in reasons.items()),
            "without_outcome": open_tasks("submitted"),
            "unfinished": open_tasks("accepted"),
            "ambiguous": open_tasks("ambiguous"),
            "open_spans": sorted(spans),
            "credentials": {
                prefix: [used["token_minted"], used["token_rejected"], used["+"], used["-"]]
                for prefix, used in credentials.items()
            },
            "runs": runs,
            "remarks": remarks,
        }
    )
)
