#!/usr/bin/env python3
"""A training step of ASMG's base model in PyTorch, at the sizes of taobao: what the bench `asmg/base` measures.

    python3 -m venv ~/.cache/torch-peer && ~/.cache/torch-peer/bin/pip install torch numpy
    ~/.cache/torch-peer/bin/python benches/peers/asmg_base.py --threads 2

Adam as TensorFlow 1 has it moves every row of both tables at each step. Two ways of doing that are timed: `sparse` adds the
gradients of the named rows into the moments, as a careful implementation would, and `dense` lets autograd make dense gradients.
Prints a line of JSON for each: milliseconds of wall clock and of CPU a step.
"""

import argparse
import json
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F

USERS, ITEMS, DIM, BATCH, SAMPLES, MOST = 31_882, 30_985, 8, 256, 230_580, 30
RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def zipf(rng, n, exponent, size):
    p = 1.0 / np.arange(1, n + 1) ** exponent
    ids = rng.permutation(n)
    return ids[rng.choice(n, size=size, p=p / p.sum())]


def samples():
    """Users, items, padded histories, lengths, labels: drawn as the bench draws them."""
    rng = np.random.default_rng(0)
    n = SAMPLES // 2
    lengths = np.minimum(np.floor(-7.4 * np.log(1 - rng.random(n))), MOST).astype(np.int64)
    histories = zipf(rng, ITEMS, 0.8, n * MOST).reshape(n, MOST) * (np.arange(MOST) < lengths[:, None])
    users = zipf(rng, USERS, 0.5, n)
    items = np.stack([zipf(rng, ITEMS, 0.8, n), rng.integers(0, ITEMS, n)], 1).reshape(-1)
    labels = np.tile([1.0, 0.0], n).astype(np.float32)
    twice = lambda values: np.repeat(values, 2, 0)
    return [torch.from_numpy(x) for x in (twice(users), items, twice(histories), twice(lengths), labels)]


def glorot(*shape):
    limit = (6 / sum(shape)) ** 0.5 if len(shape) > 1 else (3 / shape[0]) ** 0.5
    return (torch.rand(*shape) * 2 - 1) * limit


class Model:
    def __init__(self):
        self.user, self.item = glorot(USERS, DIM), glorot(ITEMS, DIM)
        self.layers = [glorot(24, 12), glorot(12), glorot(12, 6), glorot(6), glorot(6, 1), glorot(1)]
        self.tensors = [self.user, self.item, *self.layers]
        self.moments = [(torch.zeros_like(t), torch.zeros_like(t)) for t in self.tensors]
        self.t = 0

    def loss(self, user, item, batch):
        users, items, histories, lengths, labels = batch
        mask = (torch.arange(histories.shape[1]) < lengths[:, None]).float()
        pooled = (F.embedding(histories, item) * mask[..., None]).sum(1) / (lengths.float() + 1e-8)[:, None]
        x = torch.cat([F.embedding(users, user), pooled, F.embedding(items, item)], 1)
        k1, b1, k2, b2, k3, b3 = self.layers
        logits = torch.relu(torch.relu(x @ k1 + b1) @ k2 + b2) @ k3 + b3
        return F.binary_cross_entropy_with_logits(logits[:, 0], labels)

    def step_size(self):
        self.t += 1
        return RATE * (1 - BETA2**self.t) ** 0.5 / (1 - BETA1**self.t)

    @torch.no_grad()
    def adam(self, gradients):
        rate = self.step_size()
        for tensor, (m, v), g in zip(self.tensors, self.moments, gradients):
            m.mul_(BETA1).add_(g, alpha=1 - BETA1)
            v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
            tensor.addcdiv_(m, v.sqrt().add_(EPS), value=-rate)

    def dense(self, batch):
        leaves = [t.requires_grad_() for t in self.tensors]
        gradients = torch.autograd.grad(self.loss(self.user, self.item, batch), leaves)
        for t in leaves:
            t.requires_grad_(False)
        self.adam(gradients)

    def sparse(self, batch):
        """Gradients of the rows that the batch names, moments added to in place."""
        users, items, histories, lengths, labels = batch
        named_users, users = users.unique(return_inverse=True)
        named_items, places = torch.cat([items[:, None], histories], 1).unique(return_inverse=True)
        rows = [self.user[named_users].requires_grad_(), self.item[named_items].requires_grad_()]
        layers = [t.requires_grad_() for t in self.layers]
        local = (users, places[:, 0], places[:, 1:], lengths, labels)
        gradients = torch.autograd.grad(self.loss(*rows, local), rows + layers)
        for t in layers:
            t.requires_grad_(False)
        with torch.no_grad():
            rate = self.step_size()
            for k, (tensor, (m, v), g) in enumerate(zip(self.tensors, self.moments, gradients)):
                if k < 2:
                    named = (named_users, named_items)[k]
                    m.mul_(BETA1).index_add_(0, named, g, alpha=1 - BETA1)
                    v.mul_(BETA2).index_add_(0, named, g * g, alpha=1 - BETA2)
                else:
                    m.mul_(BETA1).add_(g, alpha=1 - BETA1)
                    v.mul_(BETA2).addcmul_(g, g, value=1 - BETA2)
                tensor.addcdiv_(m, v.sqrt().add_(EPS), value=-rate)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--warm", type=int, default=900, help="steps before the timing: an epoch")
    parser.add_argument("--flush-denormal", action="store_true", help="as TensorFlow's threads do")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(a.flush_denormal)
    torch.manual_seed(0)
    data = samples()
    order = torch.randperm(SAMPLES)
    batches = [[x[order[k : k + BATCH]] for x in data] for k in range(0, SAMPLES - BATCH, BATCH)]
    for way in ("sparse", "dense"):
        model, k = Model(), 0
        run = getattr(model, way)
        wall, cpu = [], []
        for rep in range(a.reps + 1):
            steps = a.warm if rep == 0 else a.steps
            start, start_cpu = time.perf_counter(), time.process_time()
            for _ in range(steps):
                run(batches[k % len(batches)])
                k += 1
            if rep > 0:
                wall.append((time.perf_counter() - start) / steps * 1e3)
                cpu.append((time.process_time() - start_cpu) / steps * 1e3)
        print(
            json.dumps(
                {
                    "work": "asmg-base",
                    "kind": way,
                    "threads": a.threads,
                    "ms": round(statistics.median(wall), 4),
                    "cpu_ms": round(statistics.median(cpu), 4),
                    "all_ms": [round(t, 4) for t in wall],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
