"""Makes samples.json: labelled samples in 31 periods, prepared from the raw files without any code of Reprise.

    python samples.py MIRROR > samples.json

MIRROR is the folder that REPRISE_MIRROR names. Histories come from a plain search of all that a user took before. The
digest is of one line a kept sample, `period,user,item,label,time,h1 h2 …`: periods from 1, ids from 0 in the order of the
source's ids, histories newest first. That of movietweetings-141k is the one of an earlier independent program (ASMG's
specification, §9.2), and so are its counts of taobao2017-cml.
"""

import csv
import gzip
import hashlib
import json
import sys
from pathlib import Path

PERIODS = 31
LONGEST = 30


def movietweetings(path):
    for line in gzip.open(path, "rt"):
        user, item, rating, time = line.strip().split("::")
        yield int(user), int(item), int(float(rating) >= 8), int(time)


def taobao(path):
    for row in csv.DictReader(gzip.open(path, "rt")):
        yield int(row["user"]), int(row["item"]), 1, int(row["timestamp"])


def prepared(events, negatives):
    """The digest is of the positives alone where negatives are drawn."""
    events = list(events)
    users = {user: number for number, user in enumerate(sorted({event[0] for event in events}))}
    items = {item: number for number, item in enumerate(sorted({event[1] for event in events}))}
    events = [(users[user], items[item], label, time) for user, item, label, time in events]
    events.sort(key=lambda event: event[3])
    samples = sum(1 + negatives * event[2] for event in events)
    each = samples // PERIODS
    past = {user: [] for user in users.values()}
    for user, item, label, time in events:
        if label:
            past[user].append((item, time))
    digest = hashlib.sha256()
    number, positives, lengths = 0, 0, []
    for user, item, label, time in events:
        of_sample = min(1 + negatives * label, each * PERIODS - number)
        if of_sample <= 0:
            break
        before = sorted((taken for taken in past[user] if taken[1] < time), key=lambda taken: -taken[1])
        history = [taken[0] for taken in before[:LONGEST]]
        period = number // each + 1
        digest.update(f"{period},{user},{item},{label},{time},{' '.join(map(str, history))}\n".encode())
        positives += label
        lengths += [len(history)] * of_sample
        number += of_sample
    return {
        "users": len(users),
        "items": len(items),
        "samples": samples,
        "each": each,
        "dropped": samples - number,
        "positives": positives,
        "history_items": sum(lengths),
        "empty": lengths.count(0),
        "full": lengths.count(LONGEST),
        "sha256": digest.hexdigest(),
    }


def main():
    mirror = Path(sys.argv[1])
    found = {
        "movietweetings-100k": prepared(movietweetings(mirror / "movietweetings/ratings-100k.dat.gz"), 0),
        "movietweetings-141k": prepared(movietweetings(mirror / "movietweetings/ratings-141k.dat.gz"), 0),
        "taobao2017-cml": prepared(taobao(mirror / "taobao2017-cml/interactions.csv.gz"), 1),
    }
    earlier = "31eb856210a0667274473d4a8bf45b08954af22a6c1347a10ae2d32c029a96a3"
    assert found["movietweetings-141k"]["sha256"] == earlier, found
    cases = [{"name": name, "expected": expected} for name, expected in found.items()]
    json.dump({"source": __doc__.splitlines()[0], "cases": cases}, sys.stdout, indent=1)
    print()


main()
