"""BPR in PyTorch: the same loss, optimiser, sampling and stopping as `bpr` here, written as one would write it there.

Run by `reprise run external/bpr --allow-programs`, which sets REPRISE_SPLIT, REPRISE_SEED, REPRISE_LISTS and REPRISE_THREADS.
"""

import argparse
import csv
import json
import os
import pathlib

# Threads that wait give their processor up: beside other work, PyTorch's are many times slower without.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--dim", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--init-std", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--patience", type=int, default=20)
    return parser.parse_args()


def numbers(split, noun):
    """The dataset's own ids, by the numbers of the export."""
    with open(split / f"{noun}s.csv") as file:
        return [row[noun] for row in csv.DictReader(file)]


def pairs(split, part, users, items):
    user_of = {name: number for number, name in enumerate(users)}
    item_of = {name: number for number, name in enumerate(items)}
    with open(split / f"{part}.csv") as file:
        rows = [(user_of[row["user"]], item_of[row["item"]]) for row in csv.DictReader(file)]
    return torch.tensor(rows, dtype=torch.long)


def ndcg(ranks, cutoff=10):
    """Of one held-out item a user, whose rank counts from 0."""
    return torch.where(ranks < cutoff, 1 / torch.log2(ranks + 2.0), 0.0).double().mean().item()


def main():
    args = arguments()
    if args.version:
        print(f"torch {torch.__version__.split('+')[0]}")
        return
    split = pathlib.Path(os.environ["REPRISE_SPLIT"])
    torch.manual_seed(int(os.environ["REPRISE_SEED"]))
    torch.set_num_threads(int(os.environ["REPRISE_THREADS"]))
    users, items = numbers(split, "user"), numbers(split, "item")
    train, valid = pairs(split, "train", users, items), pairs(split, "valid", users, items)
    asked = pairs(split, "test", users, items)[:, 0].unique()
    known = torch.zeros(len(users), len(items), dtype=torch.bool)
    known[train[:, 0], train[:, 1]] = True

    user = torch.nn.Embedding(len(users), args.dim)
    item = torch.nn.Embedding(len(items), args.dim)
    for table in (user, item):
        torch.nn.init.normal_(table.weight, std=args.init_std)
    parameters = [*user.parameters(), *item.parameters()]
    adam = torch.optim.Adam(parameters, lr=args.learning_rate, weight_decay=args.weight_decay)

    best, stale, kept = -1.0, 0, None
    for epoch in range(args.epochs):
        negatives = torch.randint(len(items), (len(train),))
        while (wrong := known[train[:, 0], negatives].nonzero().squeeze(1)).numel():
            negatives[wrong] = torch.randint(len(items), (len(wrong),))
        total = 0.0
        for rows in torch.randperm(len(train)).split(args.batch):
            u, i, j = user(train[rows, 0]), item(train[rows, 1]), item(negatives[rows])
            loss = F.softplus(-(u * (i - j)).sum(1)).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item()
        with torch.no_grad():
            scores = (user.weight[valid[:, 0]] @ item.weight.T).masked_fill(known[valid[:, 0]], float("-inf"))
            target = scores.gather(1, valid[:, 1:])
            # Rounded to four digits, as in the spec.
            value = round(ndcg((scores > target).sum(1)), 4)
        print(f"epoch {epoch + 1}/{args.epochs}: loss {total / len(train):.4f}, validation ndcg@10 {value:.4f}", flush=True)
        if value > best:
            best, stale, kept = value, 0, [weight.detach().clone() for weight in parameters]
        else:
            stale += 1
            if stale >= args.patience:
                break

    known[valid[:, 0], valid[:, 1]] = True
    length = json.loads((split / "export.json").read_text())["protocol"]["list"]
    scores = (kept[0][asked] @ kept[1].T).masked_fill(known[asked], float("-inf"))
    scores, best_items = scores.topk(length)
    with open(os.environ["REPRISE_LISTS"], "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user", "item", "score"])
        for u, row, values in zip(asked.tolist(), best_items.tolist(), scores.tolist()):
            out.writerows([users[u], items[i], repr(value)] for i, value in zip(row, values))


if __name__ == "__main__":
    main()
