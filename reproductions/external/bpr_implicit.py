"""The BPR of `implicit` with its own defaults: stochastic gradient descent with item biases, no stopping.

Run by `reprise run external/bpr --allow-programs`, which sets REPRISE_SPLIT, REPRISE_SEED, REPRISE_LISTS and REPRISE_THREADS.
"""

import csv
import json
import os
import pathlib
import sys
from importlib.metadata import version

import numpy as np
import scipy.sparse as sparse
from implicit.cpu.bpr import BayesianPersonalizedRanking


def numbers(split, noun):
    """The dataset's own ids, by the numbers of the export."""
    with open(split / f"{noun}s.csv") as file:
        return [row[noun] for row in csv.DictReader(file)]


def matrix(split, parts, users, items):
    user_of = {name: number for number, name in enumerate(users)}
    item_of = {name: number for number, name in enumerate(items)}
    rows = []
    for part in parts:
        with open(split / f"{part}.csv") as file:
            rows += [(user_of[row["user"]], item_of[row["item"]]) for row in csv.DictReader(file)]
    rows = np.array(rows)
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), rows.T), shape=(len(users), len(items)))


def main():
    if "--version" in sys.argv:
        print(f"implicit {version('implicit')}")
        return
    split = pathlib.Path(os.environ["REPRISE_SPLIT"])
    users, items = numbers(split, "user"), numbers(split, "item")
    # With several threads its updates race, and a seed does not repeat.
    model = BayesianPersonalizedRanking(random_state=int(os.environ["REPRISE_SEED"]), num_threads=1)
    model.fit(matrix(split, ["train"], users, items), show_progress=False)
    asked = np.unique(matrix(split, ["test"], users, items).nonzero()[0])
    known = matrix(split, ["train", "valid"], users, items)
    length = json.loads((split / "export.json").read_text())["protocol"]["list"]
    best, scores = model.recommend(asked, known[asked], N=length, filter_already_liked_items=True)
    with open(os.environ["REPRISE_LISTS"], "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user", "item", "score"])
        for user, row, values in zip(asked, best.tolist(), scores.tolist()):
            out.writerows([users[user], items[i], repr(value)] for i, value in zip(row, values))


if __name__ == "__main__":
    main()
