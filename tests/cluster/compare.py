"""Whether two folders of results have the same records: all but machines, times and command lines.

python3 compare.py ONE OTHER: ends with 1 at the first difference.
"""

import json
import sys
from pathlib import Path

OF_THE_MACHINE = {"command", "program", "started", "machine", "threads", "seconds", "training_seconds", "memory", "latency"}


def lasting(value):
    if isinstance(value, dict):
        return {key: lasting(of) for key, of in value.items() if key not in OF_THE_MACHINE}
    if isinstance(value, list):
        return [lasting(of) for of in value]
    return value


def records(folder):
    return {str(file.relative_to(folder)): lasting(json.loads(file.read_text())) for file in Path(folder).rglob("seed-*.json")}


one, other = records(sys.argv[1]), records(sys.argv[2])
if not one or one.keys() != other.keys():
    sys.exit(f"records of other runs: {sorted(one.keys() ^ other.keys())}, of {len(one)} and {len(other)}")
for name, record in one.items():
    if record != other[name]:
        keys = [key for key in record.keys() | other[name].keys() if record.get(key) != other[name].get(key)]
        sys.exit(f"{name} differs in {keys}")
print(f"{len(one)} records are the same, weights, ranks and metrics to the bit")
