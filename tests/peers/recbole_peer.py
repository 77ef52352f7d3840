"""RecBole reads our export, trains its own BPR on it, and its evaluation of its own lists is held against ours of the same
lists.

pip install -r requirements.txt; python recbole_peer.py --reprise ../../target/release/reprise --work work
"""

import os
import sys
from importlib.metadata import version

import numpy as np
import torch

# RecBole 1.2.1 uses names that NumPy dropped since.
for name, kind in {"float_": np.float64, "float": float, "int": int, "bool8": np.bool_, "complex_": complex,
                   "unicode_": np.str_}.items():
    if not hasattr(np, name):
        setattr(np, name, kind)

from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed
from recbole.utils.case_study import full_sort_scores

from home import Home, compare

NAMES = {"recall@10": "recall@10", "precision@10": "precision@10", "ndcg@10": "ndcg@10", "mrr@10": "mrr@10",
         "map@10": "map@10", "hr@10": "hit@10"}


def main():
    home = Home()
    folder = home.export("recbole")
    os.chdir(folder)
    config = Config(
        model="BPR",
        dataset="peers",
        config_file_list=["recbole.yaml"],
        config_dict={"epochs": 5, "use_gpu": False, "show_progress": False, "embedding_size": 16, "state": "WARNING",
                     "reproducibility": True, "seed": 2020, "checkpoint_dir": str(home.work / "saved")},
    )
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    train, valid, test = data_preparation(config, dataset)
    rows = {part: sum(1 for _ in open(f"peers/peers.{part}.inter")) - 1 for part in ("train", "valid", "test")}
    sizes = {"train": len(train.dataset), "valid": len(valid.dataset), "test": len(test.dataset)}
    print(f"RecBole {version('recbole')}, torch {torch.__version__}: interactions {sizes}, in our files {rows}")
    assert sizes == rows, "RecBole did not take the split as it is"
    model = get_model(config["model"])(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    trainer.fit(train, valid, saved=False, show_progress=False)
    theirs = trainer.evaluate(test, load_best_model=False, show_progress=False)
    write_lists(model, dataset, test, folder / "recbole.csv")
    home.reprise("judge", "peers", "--run", f"bpr:0={folder / 'recbole.csv'}", "--explain")
    record = home.record("bpr")
    print(f"origin {record['origin']}, ties {record['lists']['ties']}, {record['lists']['lists']} lists")
    gap = max(abs(record["metrics"][m] - record["pessimistic"][m]) for m in record["metrics"])
    print(f"every tie decided against the lists changes a value by {gap:.1e} at most")
    found = {metric: float(theirs[name]) for metric, name in NAMES.items()}
    wrong = compare("RecBole's evaluation of its own BPR, and ours of the same lists", record["metrics"], found, {})
    if wrong:
        sys.exit(f"unexplained: {wrong}")


@torch.no_grad()
def write_lists(model, dataset, test, file):
    """All candidates of every test user with RecBole's own scores, by the dataset's ids."""
    model.eval()
    users = np.unique(test.dataset.inter_feat[dataset.uid_field].numpy())
    tokens = dataset.id2token(dataset.iid_field, np.arange(dataset.item_num))
    with open(file, "w") as out:
        out.write("user,item,score\n")
        for user in users:
            scores = full_sort_scores(np.array([user]), model, test, device="cpu")[0].numpy()
            name = dataset.id2token(dataset.uid_field, int(user))
            for item in np.nonzero(np.isfinite(scores))[0]:
                if item > 0:
                    out.write(f"{name},{tokens[item]},{scores[item]!r}\n".replace("np.float32(", "").replace(")", ""))


if __name__ == "__main__":
    main()
