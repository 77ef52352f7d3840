#!/usr/bin/env python3
"""A training step of ASMG's generator (multi, k = 3, d = 4) in PyTorch, at the sizes of taobao: what the bench
`asmg/generator/multi` measures.

    python3 -m venv ~/.cache/torch-peer && ~/.cache/torch-peer/bin/pip install torch numpy
    ~/.cache/torch-peer/bin/python benches/peers/asmg_generator.py --threads 2

Two ways: `rows` generates the rows that the batch names alone, each as far as a chunk that names it goes (rows of newer chunks
first, then prefixes); `whole` generates whole tables, as the authors' code does. The gates z and r are one product. Prints a
line of JSON for each: milliseconds of wall clock and of CPU a step. `--ours` runs that command between the rounds and prints
what it says, so that the machine's noise hits both.
"""

import argparse
import json
import statistics
import subprocess
import time

import numpy as np
import torch
import torch.nn.functional as F

USERS, ITEMS, DIM, BATCH, PERIOD, MOST = 31_882, 30_985, 8, 256, 23_058, 30
K, D = 3, 4
LAYERS = [(24, 12), (12,), (12, 6), (6,), (6, 1), (1,)]


def zipf(rng, n, exponent, size):
    p = 1.0 / np.arange(1, n + 1) ** exponent
    ids = np.random.default_rng(7 + n).permutation(n)
    return ids[rng.choice(n, size=size, p=p / p.sum())]


def samples(seed):
    """Users, items, padded histories, lengths, labels of a period: drawn as the bench draws them."""
    rng = np.random.default_rng(seed)
    n = PERIOD // 2
    lengths = np.minimum(np.floor(-7.4 * np.log(1 - rng.random(n))), MOST).astype(np.int64)
    histories = zipf(rng, ITEMS, 0.8, n * MOST).reshape(n, MOST) * (np.arange(MOST) < lengths[:, None])
    users = zipf(rng, USERS, 0.5, n)
    items = np.stack([zipf(rng, ITEMS, 0.8, n), rng.integers(0, ITEMS, n)], 1).reshape(-1)
    labels = np.tile([1.0, 0.0], n).astype(np.float32)
    twice = lambda values: np.repeat(values, 2, 0)
    return [torch.from_numpy(x) for x in (twice(users), items, twice(histories), twice(lengths), labels)]


def glorot(*shape):
    field = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
    fans = shape[-1] + (shape[-2] if len(shape) > 1 else shape[-1])
    return (torch.rand(*shape) * 2 - 1) * (6 / (fans * field)) ** 0.5


def weight_sets(n):
    """u and W of z and r side by side, of the candidate, then w_y and b_y."""
    shapes = [(n, 1, 2 * D), (n, D, 2 * D), (n, 1, D), (n, D, D), (n, D, 1), (n, 1, 1)]
    return [glorot(*shape).requires_grad_() for shape in shapes]


def table_outputs(sets, thetas, h, rows):
    """thetas: k of [8, rows, 1]; h [8, rows, d]; the first rows[j] rows go through model j. Outputs [rows[j], 8]."""
    u, w, u_g, w_g, w_y, b_y = sets
    out = []
    for theta, n in zip(thetas, rows):
        theta, h = theta[:, :n], h[:, :n]
        z, r = torch.sigmoid(torch.baddbmm(theta * u, h, w)).chunk(2, -1)
        c = torch.tanh(torch.baddbmm(theta * u_g, h * r, w_g))
        h = torch.lerp(h, c, z)
        out.append(torch.baddbmm(b_y, h, w_y)[..., 0].t())
    return out


def layer_outputs(sets, thetas, h, shape):
    """thetas: k of [P, 1]; h [P, d]; a weight set for each coordinate."""
    u, w, u_g, w_g, w_y, b_y = sets
    out = []
    for theta in thetas:
        z, r = torch.sigmoid(theta * u[:, 0] + (h[:, :, None] * w).sum(1)).chunk(2, -1)
        c = torch.tanh(theta * u_g[:, 0] + ((h * r)[:, :, None] * w_g).sum(1))
        h = torch.lerp(h, c, z)
        out.append(((h * w_y[..., 0]).sum(1) + b_y[:, 0, 0]).reshape(shape))
    return out


def loss(user, item, layers, batch):
    users, items, histories, mask, lengths, labels = batch
    pooled = (F.embedding(histories, item) * mask[..., None]).sum(1) / (lengths + 1e-8)[:, None]
    x = torch.cat([F.embedding(users, user), pooled, F.embedding(items, item)], 1)
    k1, b1, k2, b2, k3, b3 = layers
    logits = torch.relu(torch.relu(x @ k1 + b1) @ k2 + b2) @ k3 + b3
    return F.binary_cross_entropy_with_logits(logits[:, 0], labels)


class Generator:
    def __init__(self):
        self.tables = [weight_sets(DIM), weight_sets(DIM)]
        self.layers = [weight_sets(int(np.prod(shape))) for shape in LAYERS]
        weights = [w for sets in self.tables + self.layers for w in sets]
        self.adam = torch.optim.Adam(weights, lr=1e-2, fused=True)
        # Constants: the past models and the hidden states, both by column.
        rows = [USERS, ITEMS]
        self.thetas = [[torch.randn(DIM, n, 1) * 0.1 for _ in range(K)] for n in rows]
        self.states = [torch.randn(DIM, n, D) * 0.1 for n in rows]
        self.layer_thetas = [[torch.randn(int(np.prod(s)), 1) * 0.3 for _ in range(K)] for s in LAYERS]
        self.layer_states = [torch.randn(int(np.prod(s)), D) * 0.1 for s in LAYERS]

    def step(self, chunks, whole):
        """chunks: newest first."""
        masks = [torch.arange(MOST) < c[3][:, None] for c in chunks]
        if whole:
            ids, counts = [None, None], [[USERS] * K, [ITEMS] * K]
            local = [(c[0], c[1], c[2]) for c in chunks]
        else:
            ids, counts, numbers = [], [], []
            for which, n in enumerate((USERS, ITEMS)):
                named = [
                    c[0] if which == 0 else torch.cat([c[1], c[2][m]]) for c, m in zip(chunks, masks)
                ]
                number, order, count = torch.full((n,), -1), [], []
                for of_chunk in named:
                    new = of_chunk.unique()
                    new = new[number[new] < 0]
                    number[new] = torch.arange(len(new)) + sum(map(len, order))
                    order.append(new)
                    count.append(sum(map(len, order)))
                ids.append(torch.cat(order))
                counts.append(count[::-1])
                numbers.append(number)
            local = [(numbers[0][c[0]], numbers[1][c[1]], numbers[1][c[2]].clamp_(min=0)) for c in chunks]
        of_tables = []
        for t in range(2):
            pick = (lambda x: x) if whole else (lambda x: x[:, ids[t]])
            thetas = [pick(theta) for theta in self.thetas[t]]
            of_tables.append(table_outputs(self.tables[t], thetas, pick(self.states[t]), counts[t]))
        of_layers = [
            layer_outputs(sets, thetas, h, shape)
            for sets, thetas, h, shape in zip(self.layers, self.layer_thetas, self.layer_states, LAYERS)
        ]
        total = 0
        for part, (chunk, rows, mask) in enumerate(zip(chunks, local, masks)):
            j = K - 1 - part
            batch = (*rows, mask.float(), chunk[3].float(), chunk[4])
            weight = (j + 1) / (K * (K + 1) / 2)
            total = total + weight * loss(of_tables[0][j], of_tables[1][j], [o[j] for o in of_layers], batch)
        self.adam.zero_grad(set_to_none=True)
        total.backward()
        self.adam.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="of `rows`, in a round")
    parser.add_argument("--whole-steps", type=int, default=4, help="of `whole`, in a round")
    parser.add_argument("--ours", help="a command that is run in each round")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    sets = [samples(seed) for seed in range(K)]
    orders = [torch.randperm(len(s[0])) for s in sets]
    batches = len(orders[0]) // BATCH
    cut = lambda b: [[x[o[b * BATCH : (b + 1) * BATCH]] for x in s] for s, o in zip(sets, orders)]
    generator = Generator()
    k = 0
    for b in range(5):
        generator.step(cut(b), False)
    generator.step(cut(0), True)
    for _ in range(a.rounds):
        if a.ours:
            print(subprocess.run(a.ours, shell=True, capture_output=True, text=True).stdout, flush=True)
        for way, steps in (("rows", a.steps), ("whole", a.whole_steps)):
            wall, cpu = [], []
            for _ in range(steps):
                start, start_cpu = time.perf_counter(), time.process_time()
                generator.step(cut(k % batches), way == "whole")
                wall.append((time.perf_counter() - start) * 1e3)
                cpu.append((time.process_time() - start_cpu) * 1e3)
                k += 1
            report = {"work": "asmg-generator-multi", "kind": way, "threads": a.threads}
            report |= {"ms": round(statistics.median(wall), 3), "cpu_ms": round(statistics.median(cpu), 3)}
            print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
