#!/usr/bin/env python3
"""A training step of AdaRec's teachers in PyTorch, written well, and the losses of a student's output layer: what the benches
`teacher-step/…` and `output/…` of `adarec` measure.

    python3 -m venv ~/.cache/torch-peer && ~/.cache/torch-peer/bin/pip install torch numpy
    ~/.cache/torch-peer/bin/python benches/peers/adarec_teachers.py --threads 2

Logits are made at labelled positions alone, attention is fused, and steps of the optimisers go over all tensors at once. Prints
a line of JSON for each: milliseconds of wall clock and of CPU a step.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

ITEMS, LENGTH, BATCH, WIDTH = 1268, 20, 128, 64


class Branch(nn.Module):
    def __init__(self, dilation):
        super().__init__()
        self.dilation = dilation
        self.first = nn.Conv1d(WIDTH, WIDTH, 3, dilation=dilation)
        self.second = nn.Conv1d(WIDTH, WIDTH, 3, dilation=2 * dilation)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-8) for _ in range(2))
        self.scale = nn.Parameter(torch.zeros(1))

    def half(self, x, conv, norm, dilation):
        h = conv(F.pad(x, (2 * dilation, 0)))
        return F.relu(norm(h.transpose(1, 2))).transpose(1, 2)

    def forward(self, x):
        h = self.half(x, self.first, self.norms[0], self.dilation)
        return x + self.scale * self.half(h, self.second, self.norms[1], 2 * self.dilation)


class NextItNet(nn.Module):
    def __init__(self, groups=4, dilations=(1, 4)):
        super().__init__()
        self.item = nn.Embedding(ITEMS + 1, WIDTH)
        self.blocks = nn.Sequential(*(Branch(d) for _ in range(groups) for d in dilations))
        self.output = nn.Linear(WIDTH, ITEMS + 1)

    def forward(self, ids):
        return self.blocks(self.item(ids).transpose(1, 2)).transpose(1, 2)


class Block(nn.Module):
    def __init__(self, heads=4, p=0.2):
        super().__init__()
        self.heads, self.p = heads, p
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.inner, self.outer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-8) for _ in range(2))
        self.scale = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        a = self.norms[0](x)
        q, k, v = self.qkv(a).view(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        z = self.norms[1](y.transpose(1, 2).reshape(x.shape) + a)
        f = F.relu(F.dropout(self.inner(z), self.p, self.training))
        return x + self.scale * (F.dropout(self.outer(f), self.p, self.training) + z)


class SasRec(nn.Module):
    def __init__(self, blocks=4):
        super().__init__()
        self.item, self.position = nn.Embedding(ITEMS + 1, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-8)
        self.output = nn.Linear(WIDTH, ITEMS + 1)

    def forward(self, ids):
        return self.norm(self.blocks(self.item(ids) + self.position.weight))


class BertBlock(nn.Module):
    def __init__(self, heads=4, p=0.1):
        super().__init__()
        self.heads, self.p = heads, p
        self.qkv, self.attended = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.inner, self.outer = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))

    def drop(self, x):
        return F.dropout(x, self.p, self.training)

    def forward(self, x, seen):
        q, k, v = self.qkv(self.norms[0](x)).view(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=p)
        x = x + self.drop(self.attended(y.transpose(1, 2).reshape(x.shape)))
        x = x + self.drop(self.outer(self.drop(F.gelu(self.inner(self.norms[1](x))))))
        return self.drop(x)


class Bert4Rec(nn.Module):
    def __init__(self, blocks=4):
        super().__init__()
        self.item, self.position = nn.Embedding(ITEMS + 2, WIDTH, padding_idx=0), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(BertBlock() for _ in range(blocks))
        self.output = nn.Linear(WIDTH, ITEMS + 1)

    def forward(self, ids):
        x = F.dropout(self.item(ids) + self.position.weight, 0.1, self.training)
        seen = (ids > 0)[:, None, None]
        for block in self.blocks:
            x = block(x, seen)
        return x


class Lamb:
    """No correction of bias; a ratio for each tensor."""

    def __init__(self, parameters, lr, decay):
        self.parameters, self.lr, self.decay = list(parameters), lr, decay
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        gradients = [p.grad for p in self.parameters]
        torch._foreach_lerp_(self.m, gradients, 0.1)
        torch._foreach_mul_(self.v, 0.999)
        torch._foreach_addcmul_(self.v, gradients, gradients, 0.001)
        roots = torch._foreach_sqrt(self.v)
        torch._foreach_add_(roots, 1e-6)
        updates = torch._foreach_div(self.m, roots)
        torch._foreach_add_(updates, self.parameters, alpha=self.decay)
        for p, u, norm, size in zip(
            self.parameters, updates, torch._foreach_norm(self.parameters), torch._foreach_norm(updates)
        ):
            norm = norm.clamp(0, 10)
            ratio = torch.where((norm > 0) & (size > 0), norm / size, torch.ones(()))
            p.add_(u * ratio, alpha=-self.lr)


def batches(pieces, count=8):
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(count):
        ids = torch.randint(1, ITEMS + 1, (pieces, LENGTH + 1), generator=generator)
        # Two of a piece's items are held out; four pieces in five are whole.
        lengths = torch.randint(1, LENGTH - 3, (pieces, 1), generator=generator)
        lengths[torch.rand((pieces, 1), generator=generator) < 0.8] = LENGTH - 3
        padded = torch.arange(LENGTH)[None] < LENGTH - lengths
        made.append((ids[:, :-1].masked_fill(padded, 0), ids[:, 1:].masked_fill(padded, 0)))
    return made


def timed(name, one):
    for k in range(5):
        one(k)
    walls, cpus = [], []
    for k in range(30):
        wall, cpu = time.perf_counter(), time.process_time()
        one(k)
        walls.append(1e3 * (time.perf_counter() - wall))
        cpus.append(1e3 * (time.process_time() - cpu))
    print(json.dumps({"kind": name, "ms": statistics.median(walls), "cpu_ms": statistics.median(cpus)}))


def steps(name, model, step, clip=None):
    made = batches(BATCH)
    model.train()

    def one(k):
        ids, labels = made[k % len(made)]
        known = labels.flatten().nonzero().squeeze(1)
        # Logits at labelled positions alone: the loss is the same.
        logits = model.output(model(ids).reshape(-1, WIDTH)[known])
        loss = F.cross_entropy(logits, labels.flatten()[known])
        for p in model.parameters():
            p.grad = None
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        step()

    timed(name, one)


def output_layer(name, distilled, width=16, searched=64):
    """The losses of a student's output layer and their gradients; KL(student || teacher) over all positions."""
    made = batches(searched)
    rows = searched * LENGTH
    layer, x = nn.Linear(width, ITEMS + 1), torch.randn(rows, width, requires_grad=True)
    teacher, of_teacher = nn.Linear(WIDTH, ITEMS + 1), torch.randn(rows, WIDTH)

    def one(k):
        labels = made[k % len(made)][1].flatten()
        x.grad = layer.weight.grad = layer.bias.grad = None
        if distilled:
            log_p = F.log_softmax(layer(x), -1)
            loss = 0.5 * F.nll_loss(log_p, labels, ignore_index=0)
            with torch.no_grad():
                log_q = F.log_softmax(teacher(of_teacher), -1)
            loss = loss + 0.5 * (log_p.exp() * (log_p - log_q)).sum() / searched
        else:
            known = labels.nonzero().squeeze(1)
            loss = 0.5 * F.cross_entropy(layer(x[known]), labels[known])
        loss.backward()

    timed(name, one)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    torch.manual_seed(0)
    output_layer("output/ce-c16", False)
    output_layer("output/ce-kd-c16", True)
    model = NextItNet()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-7, foreach=True)
    steps("teacher-step/nextitnet-w64-4", model, adam.step, clip=5)
    model = SasRec()
    steps("teacher-step/residual-sasrec-w64-4", model, Lamb(model.parameters(), 5e-3, 0.01).step)
    model = Bert4Rec()
    steps("teacher-step/bert4rec-w64-4", model, Lamb(model.parameters(), 5e-3, 0.01).step, clip=5)


if __name__ == "__main__":
    main()
