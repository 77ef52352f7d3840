"""A repository of its own for the scripts of this folder: the spec `peers.toml` over this repository's manifests."""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
METRICS = ["recall@10", "precision@10", "ndcg@10", "mrr@10", "map@10", "hr@10", "ap"]


class Home:
    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--reprise", required=True, help="the program, such as target/release/reprise")
        parser.add_argument("--work", required=True, help="a folder for everything that is written")
        args = parser.parse_args()
        self.program = str(Path(args.reprise).resolve())
        self.work = Path(args.work).resolve()
        self.root = self.work / "home"
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "reproductions").mkdir(parents=True)
        shutil.copytree(HERE.parent.parent / "data-manifests", self.root / "data-manifests")
        shutil.copy(HERE / "peers.toml", self.root / "reproductions" / "peers.toml")

    def reprise(self, *words):
        command = [self.program, *map(str, words), "--home", self.root]
        command += ["--cache", self.work / "cache", "--results", self.root / "results"]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def export(self, form):
        folder = self.work / f"export-{form}"
        shutil.rmtree(folder, ignore_errors=True)
        self.reprise("export", "peers", "--format", form, "--to", folder)
        return folder

    def record(self, trial):
        return json.loads((self.root / "results" / "peers" / "base" / trial / "seed-0.json").read_text())

    def lists(self, trial, end):
        return self.root / "results" / "peers" / "base" / trial / f"seed-0.lists.{end}"


def compare(title, ours, theirs, explained):
    """Prints a table, and returns the metrics with a difference of more than 1e-12 that nothing explains. `theirs`: metric ->
    value; `explained`: metric -> why it is another, and the least and largest value that this allows."""
    print(f"\n{title}\n| metric | reprise | there | difference | |\n| --- | ---: | ---: | ---: | --- |")
    wrong = []
    for metric, value in theirs.items():
        own = ours[metric.split(",")[0]]
        why, least, most = explained.get(metric, ("", own, own))
        if abs(value - own) <= 1e-12:
            why = "same"
        elif not why or not least - 1e-12 <= value <= most + 1e-12:
            why = f"NOT EXPLAINED, expected {least:.12f} to {most:.12f}"
            wrong.append(metric)
        print(f"| {metric} | {own:.12f} | {value:.12f} | {value - own:+.1e} | {why} |")
    return wrong
