"""Metrics of lists by their formulas: ours, and those that a tool has in their place.

`places`: where the relevant items stand in a list, from 1, ascending; `relevant`: how many there are.
"""

from math import log2


def within(places, k):
    return [place for place in places if place <= k]


def precisions(places, k):
    return sum(hit / place for hit, place in enumerate(within(places, k), 1))


def ndcg(discount):
    def value(places, relevant):
        ideal = sum(1 / discount(place) for place in range(1, min(relevant, 10) + 1))
        return sum(1 / discount(place) for place in within(places, 10)) / ideal

    return value


OURS = {
    "recall@10": lambda places, relevant: len(within(places, 10)) / relevant,
    "precision@10": lambda places, relevant: len(within(places, 10)) / 10,
    "ndcg@10": ndcg(lambda place: log2(place + 1)),
    "mrr@10": lambda places, relevant: 1 / places[0] if within(places, 10) else 0.0,
    "map@10": lambda places, relevant: precisions(places, 10) / min(relevant, 10),
    "hr@10": lambda places, relevant: float(bool(within(places, 10))),
    "ap": lambda places, relevant: precisions(places, float("inf")) / relevant,
}
# By what a tool calls the same: why its value is another, and its formula.
MAP_BY_RELEVANT = ("divided by |G|, not by min(|G|,k)", lambda places, relevant: precisions(places, 10) / relevant)
RECALL_BY_LENGTH = (
    "divided by min(|G|,k)",
    lambda places, relevant: len(within(places, 10)) / min(relevant, 10),
)
NDCG_FROM_TWO = ("discounted by max(1, log2 r)", ndcg(lambda place: max(1.0, log2(place))))


def value(formula, run, qrels, ties=None):
    """The mean over all queries of a run {query: {item: score}}. `ties`: whether a relevant item comes first among
    equals (True) or last (False); None if no scores are equal."""
    total = 0.0
    for query, items in run.items():
        relevant = qrels[query]
        order = sorted(items, key=lambda item: (-items[item], (item not in relevant) is bool(ties)))
        places = [place for place, item in enumerate(order, 1) if item in relevant]
        total += formula(places, len(relevant))
    return total / len(run)
