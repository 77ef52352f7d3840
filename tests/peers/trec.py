"""Our lists and judgements in pytrec_eval, ir-measures, ranx and LensKit, beside our own values.

pip install -r requirements.txt; python trec.py --reprise ../../target/release/reprise --work work
"""

import sys
from collections import defaultdict
from importlib.metadata import version

import ir_measures
import numpy as np
import pytrec_eval
import ranx
from ir_measures import AP, RR, P, R, Success, nDCG

from formulas import MAP_BY_RELEVANT, NDCG_FROM_TWO, OURS, RECALL_BY_LENGTH, value
from home import METRICS, Home, compare


def read_run(file):
    run = defaultdict(dict)
    for line in open(file):
        query, _, item, _, score, _ = line.split()
        run[query][item] = float(score)
    return dict(run)


def read_qrels(file):
    qrels = defaultdict(dict)
    for line in open(file):
        query, _, item, relevance = line.split()
        qrels[query][item] = int(relevance)
    return dict(qrels)


def without_ties(run, file):
    """The same order in scores that all differ, also as f32: the tools then have no ties to order."""
    order = defaultdict(list)
    for line in open(file):
        query, _, item, rank, _, _ = line.split()
        order[query].append((int(rank), item))
    return {q: {item: float(len(items) - at) for at, (_, item) in enumerate(sorted(items))} for q, items in order.items()}


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def first(run, k):
    return {q: dict(sorted(items.items(), key=lambda pair: -pair[1])[:k]) for q, items in run.items()}


def in_pytrec_eval(qrels, run):
    names = {"recall@10": "recall_10", "precision@10": "P_10", "ndcg@10": "ndcg_cut_10", "map@10": "map_cut_10",
             "hr@10": "success_10", "ap": "map"}
    measures = {"recall.10", "P.10", "ndcg_cut.10", "map_cut.10", "success.10", "map"}
    found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    values = {metric: mean(of[name] for of in found.values()) for metric, name in names.items()}
    cut = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(first(run, 10))
    return values | {"mrr@10": mean(of["recip_rank"] for of in cut.values())}


def in_ir_measures(qrels, run):
    names = {"recall@10": R @ 10, "precision@10": P @ 10, "ndcg@10": nDCG @ 10, "mrr@10": RR @ 10,
             "map@10": AP @ 10, "hr@10": Success @ 10, "ap": AP}
    found = ir_measures.calc_aggregate(names.values(), qrels, run)
    return {metric: found[measure] for metric, measure in names.items()}


def in_ranx(qrels, run):
    names = {"recall@10": "recall@10", "precision@10": "precision@10", "ndcg@10": "ndcg@10", "mrr@10": "mrr@10",
             "map@10": "map@10", "hr@10": "hit_rate@10", "ap": "map"}
    found = ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), list(names.values()))
    return {metric: float(found[name]) for metric, name in names.items()}


def in_lenskit(qrels, run):
    from lenskit.data import ItemList
    from lenskit.metrics import NDCG, Hit, Precision, RecipRank, Recall
    from lenskit.metrics.ranking import AveragePrecision

    from lenskit.metrics.ranking import LogRankWeight

    ndcg = NDCG(10, weight=LogRankWeight(offset=1))
    names = {"recall@10": Recall(10), "precision@10": Precision(10), "ndcg@10": ndcg, "mrr@10": RecipRank(10),
             "map@10": AveragePrecision(10), "hr@10": Hit(10), "ap": AveragePrecision()}
    values = defaultdict(list)
    for query, items in run.items():
        ordered = [item for item, _ in sorted(items.items(), key=lambda pair: -pair[1])]
        recs, test = ItemList(item_ids=ordered, ordered=True), ItemList(item_ids=list(qrels[query]))
        for metric, measure in names.items():
            values[metric].append(float(measure.measure_list(recs, test)))
    default = NDCG(10)
    for query, items in run.items():
        ordered = [item for item, _ in sorted(items.items(), key=lambda pair: -pair[1])]
        recs, test = ItemList(item_ids=ordered, ordered=True), ItemList(item_ids=list(qrels[query]))
        values["ndcg@10, LensKit's default"].append(float(default.measure_list(recs, test)))
    return {metric: mean(of) for metric, of in values.items()}


OTHER = {
    "pytrec_eval": {"map@10": MAP_BY_RELEVANT},
    "ir-measures": {"map@10": MAP_BY_RELEVANT},
    "ranx": {"map@10": MAP_BY_RELEVANT},
    "LensKit": {"recall@10": RECALL_BY_LENGTH, "ndcg@10, LensKit's default": NDCG_FROM_TWO},
}
TOOLS = {
    "pytrec_eval": (in_pytrec_eval, "pytrec_eval-terrier"),
    "ir-measures": (in_ir_measures, "ir-measures"),
    "ranx": (in_ranx, "ranx"),
    "LensKit": (in_lenskit, "lenskit"),
}


def by_formula(tool, qrels, run):
    """What the tool must find where its definition is another than ours."""
    found = {metric: (why, value(formula, run, qrels)) for metric, (why, formula) in OTHER[tool].items()}
    return {metric: (why, at, at) for metric, (why, at) in found.items()}


def by_ties(tool, qrels, run):
    """Between which values each metric must be, however the tool orders equal scores."""
    formulas = {metric: ("equal scores, ordered otherwise", formula) for metric, formula in OURS.items()} | OTHER[tool]
    bounds = {metric: [value(formula, run, qrels, first) for first in (False, True)] for metric, (_, formula) in formulas.items()}
    return {metric: (formulas[metric][0], *of) for metric, of in bounds.items()}


if __name__ == "__main__":
    home = Home()
    home.reprise("run", "peers", "--save-lists", 100000)
    qrels = read_qrels(home.export("trec") / "test.qrels")
    failed = []
    for trial in ["pop", "item-cf", "bpr"]:
        record = home.record(trial)
        ours = {metric: record["metrics"][metric] for metric in METRICS}
        file = home.lists(trial, "trec")
        run = read_run(file)
        tied = sum(len(items) - len(set(items.values())) for items in run.values())
        print(f"\n## {trial}: {len(run)} lists of {len(qrels)} users, {tied} scores equal another of their list")
        strict = without_ties(run, file)
        formulas = {metric: value(formula, strict, qrels) for metric, formula in OURS.items()}
        failed += [(trial, "formulas.py", metric) for metric in compare("Our formulas in Python", ours, formulas, {})]
        for tool, (evaluate, package) in TOOLS.items():
            try:
                theirs = evaluate(qrels, strict)
            except ImportError as error:
                print(f"\n{tool} is not installed: {error}")
                continue
            title = f"{tool} {version(package)}, the order of our lists as scores without ties"
            wrong = compare(title, ours, theirs, by_formula(tool, qrels, strict))
            if tool != "LensKit":  # It reads an order, and no scores.
                title = f"{tool} {version(package)}, our scores"
                wrong += compare(title, ours, evaluate(qrels, run), by_ties(tool, qrels, run))
            failed += [(trial, tool, metric) for metric in wrong]
    if failed:
        sys.exit(f"unexplained: {failed}")
    print("\nevery difference is explained, by a formula to 1e-12 or by the order of equal scores")
