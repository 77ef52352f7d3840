#!/usr/bin/env python3
"""PyTorch timings of the workloads that Reprise's benches measure. See the README of this repository, "Speed"."""

import argparse
import json
import math
import resource
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

rng = np.random.default_rng(0)


def zipf(n, size, s=0.8):
    """Ids in 0..n, popularity rank^-s, ranks shuffled over ids."""
    p = 1.0 / np.arange(1, n + 1) ** s
    perm = np.random.default_rng(7).permutation(n)
    return torch.from_numpy(perm[rng.choice(n, size=size, p=p / p.sum())].astype(np.int64))


def adam(kind, params, weight_decay):
    return torch.optim.Adam(params, lr=1e-3, weight_decay=weight_decay, **({"fused": True} if kind == "fused" else {}))


def report(a, seconds, **extra):
    out = {
        "work": a.work,
        "dim": a.dim,
        "adam": a.adam,
        "threads": a.threads,
        "ms": round(statistics.median(seconds) * 1e3, 4),
        "all_ms": [round(t * 1e3, 4) for t in seconds],
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(out | extra), flush=True)


def time_steps(a, step, warm=5):
    for i in range(warm):
        step(i)
    seconds = []
    for _ in range(a.reps):
        start = time.perf_counter()
        for i in range(a.steps):
            step(i)
        seconds.append((time.perf_counter() - start) / a.steps)
    return seconds


def time_requests(a, request, n, warm=50):
    latencies = []
    with torch.inference_mode():
        for i in range(n):
            start = time.perf_counter()
            request(i)
            latencies.append(time.perf_counter() - start)
    latencies = sorted(latencies[warm:])
    q = lambda p: round(latencies[int(len(latencies) * p)] * 1e6, 1)
    report(a, latencies[len(latencies) // 2 :][:1], p50_us=q(0.5), p99_us=q(0.99))


def top20(scores):
    return torch.topk(scores, 20)[1].tolist()


# --- BPR-MF at CiteULike's sizes: batch 1024, one negative, L2 1e-3 -----------------------------------


def bpr(a):
    users, items, batch, n = 5220, 25182, 1024, 115142
    u, p, neg = torch.randint(0, users, (n,)), zipf(items, n), torch.randint(0, items, (n,))
    user, item = nn.Embedding(users, a.dim), nn.Embedding(items, a.dim)
    for e in (user, item):
        nn.init.normal_(e.weight, 0, 0.01)
    opt = adam(a.adam, [user.weight, item.weight], 1e-3)

    def step(i):
        s = (i * batch) % (n - batch)
        e = user(u[s : s + batch])
        diff = (e * item(p[s : s + batch])).sum(-1) - (e * item(neg[s : s + batch])).sum(-1)
        opt.zero_grad()
        (-F.logsigmoid(diff).sum()).backward()
        opt.step()

    seconds = time_steps(a, step)
    report(a, seconds, epoch_s=round(statistics.median(seconds) * math.ceil(n / batch), 3))


def rrd(a):
    """BPR and RRD: K = L = 40 for 716 users of a batch; samples drawn before, loss as the authors have it."""
    users, items, batch, owners = 5220, 25182, 1024, 716
    user, item = nn.Embedding(users, a.dim), nn.Embedding(items, a.dim)
    for e in (user, item):
        nn.init.normal_(e.weight, 0, 0.01)
    opt = adam(a.adam, [user.weight, item.weight], 1e-3)
    batches = []
    for _ in range(20):
        distinct = torch.randperm(users)[:owners]
        u = distinct[torch.arange(batch) % owners]
        lists = torch.randint(0, items, (owners, 80))
        batches.append((u, zipf(items, batch), torch.randint(0, items, (batch,)), distinct, lists))

    def step(i):
        u, p, neg, distinct, lists = batches[i % len(batches)]
        e = user(u)
        diff = (e * item(p)).sum(-1) - (e * item(neg)).sum(-1)
        scores = torch.bmm(item(lists), user(distinct).unsqueeze(-1)).squeeze(-1)
        above, below = scores[:, :40], scores[:, 40:]
        exps = above.flip(-1).exp().cumsum(1) + below.exp().sum(1, keepdim=True)
        distilled = (exps.log().sum(1) - above.sum(1)).sum()
        opt.zero_grad()
        (-F.logsigmoid(diff).sum() + 1e-3 * distilled).backward()
        opt.step()

    report(a, time_steps(a, step))


def neumf(a):
    """NeuMF as DE-RRD sizes it: one hidden layer, binary cross-entropy, one negative."""
    users, items, batch, d, n = 5220, 25182, 1024, a.dim, 115142
    tables = [nn.Embedding(rows, d) for rows in (users, items, users, items)]
    for e in tables:
        nn.init.normal_(e.weight, 0, 0.01)
    hidden, out = nn.Linear(2 * d, d), nn.Linear(2 * d, 1)
    parameters = [p for module in (*tables, hidden, out) for p in module.parameters()]
    opt = adam(a.adam, parameters, 1e-3)
    u, p, neg = torch.randint(0, users, (n,)), zipf(items, n), torch.randint(0, items, (n,))
    target = torch.cat([torch.ones(batch), torch.zeros(batch)])

    def step(i):
        s = (i * batch) % (n - batch)
        u2 = u[s : s + batch].repeat(2)
        i2 = torch.cat([p[s : s + batch], neg[s : s + batch]])
        product = tables[0](u2) * tables[1](i2)
        mlp = hidden(torch.cat([tables[2](u2), tables[3](i2)], 1)).relu()
        logits = out(torch.cat([product, mlp], 1)).squeeze(1)
        opt.zero_grad()
        F.binary_cross_entropy_with_logits(logits, target, reduction="sum").backward()
        opt.step()

    report(a, time_steps(a, step))


def de(a):
    """BPR and DE: 716 users, 959 and 1003 items, 30 experts 20-110-200, in the form of two products."""
    students, teachers, hidden, experts = a.dim, 200, (a.dim + 200) // 2, 30
    sides = []
    for rows in (5220, 25182):
        table, teacher = nn.Embedding(rows, students), torch.randn(rows, teachers) * 0.1
        nn.init.normal_(table.weight, 0, 0.01)
        modules = nn.ModuleList(
            [nn.Linear(students, experts * hidden), nn.Linear(experts * hidden, teachers, bias=False)]
            + [nn.Linear(experts, teachers, bias=False), nn.Linear(teachers, experts)]
        )
        sides.append((table, teacher, modules))
    opt = adam(a.adam, [p for t, _, m in sides for p in (*t.parameters(), *m.parameters())], 1e-3)

    def loss(side, ids):
        table, teacher, (first, second, bias, gate) = side
        t = teacher[ids]
        gumbel = -torch.empty(len(ids), experts).exponential_().log()
        v = (gate(t).log_softmax(1) + gumbel).softmax(1)
        h = first(table(ids)).relu().view(len(ids), experts, hidden) * v.unsqueeze(-1)
        return (t - second(h.flatten(1)) - bias(v)).square().sum()

    def step(i):
        ids = lambda rows, n: torch.randperm(rows)[:n]
        distilled = loss(sides[0], ids(5220, 716)) + 0.5 * (
            loss(sides[1], ids(25182, 959)) + loss(sides[1], ids(25182, 1003))
        )
        opt.zero_grad()
        (0.01 * distilled).backward()
        opt.step()

    report(a, time_steps(a, step, warm=1))


# --- Caser at Gowalla's sizes: L=5, T=1, 3 negatives, nv=2, nh=16, batch 512 ---------------------------


class Caser(nn.Module):
    users, items, length, nv, nh = 13149, 14010, 5, 2, 16

    def __init__(self, d):
        super().__init__()
        self.d = d
        self.user, self.item = nn.Embedding(self.users, d), nn.Embedding(self.items, d)
        self.vertical = nn.Conv2d(1, self.nv, (self.length, 1))
        self.horizontal = nn.ModuleList(nn.Conv2d(1, self.nh, (h, d)) for h in range(1, self.length + 1))
        self.fc = nn.Linear(self.nv * d + self.nh * self.length, d)
        self.w2, self.b2 = nn.Embedding(self.items, 2 * d), nn.Embedding(self.items, 1)

    def encode(self, seq, user):
        x = self.item(seq).unsqueeze(1)
        parts = [self.vertical(x).flatten(1)]
        for conv in self.horizontal:
            h = conv(x).squeeze(3)
            parts.append(F.max_pool1d(h, h.size(2)).squeeze(2))
        features = F.dropout(torch.cat(parts, 1), 0.5, self.training)
        return torch.cat([torch.sigmoid(self.fc(features)), self.user(user)], 1)

    def score(self, x, items):
        return torch.baddbmm(self.b2(items), self.w2(items), x.unsqueeze(2)).squeeze(2)

    def forward(self, seq, user, items):
        return self.score(self.encode(seq, user), items)


def caser(a):
    batch, pos, neg = 512, 1, 3
    n = 100 * batch
    m = Caser(a.dim)
    seq, user = zipf(m.items, (n, m.length)), torch.randint(0, m.users, (n,))
    items = torch.cat([zipf(m.items, (n, pos)), torch.randint(0, m.items, (n, neg))], 1)
    opt = adam(a.adam, m.parameters(), 1e-6)

    def step(i):
        s = (i * batch) % n
        r = m(seq[s : s + batch], user[s : s + batch], items[s : s + batch])
        opt.zero_grad()
        ((F.softplus(-r[:, :pos]).sum(1) + F.softplus(r[:, pos:]).sum(1)).mean()).backward()
        opt.step()

    seconds = time_steps(a, step)
    report(a, seconds, epoch_s=round(statistics.median(seconds) * math.ceil(367611 / batch), 2))


def rd_caser(a):
    """RD's student in its hybrid phase: 4 items of its own, a list of 10, and 100 samples scored without a gradient."""
    batch, graded, k, samples = 512, 14, 10, 100
    n = 20 * batch
    m = Caser(a.dim)
    seq, user = zipf(m.items, (n, m.length)), torch.randint(0, m.users, (n,))
    items = torch.cat([zipf(m.items, (n, 1)), torch.randint(0, m.items, (n, graded - 1 + samples))], 1)
    opt = adam(a.adam, m.parameters(), 1e-6)
    fixed = torch.softmax(-torch.arange(k).float(), 0)

    def step(i):
        s = (i * batch) % n
        ids = items[s : s + batch]
        x = m.encode(seq[s : s + batch], user[s : s + batch])
        r = m.score(x, ids[:, :graded])
        own, listed = r[:, : graded - k], r[:, graded - k :]
        with torch.no_grad():
            others = m.score(x, ids[:, graded:])
            above = (others.unsqueeze(1) > listed.unsqueeze(2)).sum(2)
            behind = (above * m.items).div(samples, rounding_mode="floor") - torch.arange(k)
            weights = fixed * torch.tanh(0.1 * behind).clamp(min=0)
        opt.zero_grad()
        ranking = F.softplus(-own[:, :1]).sum(1) + F.softplus(own[:, 1:]).sum(1)
        (ranking + (weights * F.softplus(-listed)).sum(1)).mean().backward()
        opt.step()

    report(a, time_steps(a, step))


def latency_caser(a):
    m = Caser(a.dim).eval()
    seqs, users = zipf(m.items, (400, 1, m.length)), torch.randint(0, m.users, (400, 1))
    w, b = m.w2.weight, m.b2.weight.squeeze(1)
    time_requests(a, lambda i: top20(torch.addmv(b, w, m.encode(seqs[i], users[i])[0])), 400)


def latency_bpr(a):
    user, item = torch.randn(5220, a.dim), torch.randn(25182, a.dim)
    time_requests(a, lambda i: top20(torch.mv(item, user[i])), 1000)


# --- SASRec: hidden 150, 2 blocks, 1 head, full softmax over 43k items, batch 256 ----------------------


class Block(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(h, eps=1e-8), nn.LayerNorm(h, eps=1e-8)
        self.q, self.k, self.v = nn.Linear(h, h), nn.Linear(h, h), nn.Linear(h, h)
        self.f1, self.f2 = nn.Linear(h, h), nn.Linear(h, h)

    def forward(self, x, last_only):
        n = self.ln1(x)
        q = n[:, -1:] if last_only else n
        y = F.scaled_dot_product_attention(self.q(q), self.k(x), self.v(x), is_causal=not last_only) + q
        z = self.ln2(y)
        return z + self.f2(F.relu(self.f1(z)))


class SASRec(nn.Module):
    items, length, hidden = 43000, 50, 150

    def __init__(self):
        super().__init__()
        self.item, self.pos = nn.Embedding(self.items + 1, self.hidden), nn.Embedding(self.length, self.hidden)
        for e in (self.item, self.pos):
            nn.init.normal_(e.weight, 0, 0.02)
        self.blocks, self.ln = nn.ModuleList([Block(self.hidden), Block(self.hidden)]), nn.LayerNorm(self.hidden, eps=1e-8)

    def encode(self, seq, last_only):
        x = self.item(seq) * math.sqrt(self.hidden) + self.pos.weight
        x = self.blocks[1](self.blocks[0](x, False), last_only)
        return self.ln(x[:, -1])


def sasrec(a):
    batch, m = 256, SASRec()
    seq, target = zipf(m.items, (40 * batch, m.length)), zipf(m.items, (40 * batch,))
    opt = adam(a.adam, m.parameters(), 0.0)

    def step(i):
        s = (i % 40) * batch
        logits = m.encode(seq[s : s + batch], a.last_only) @ m.item.weight[: m.items].t()
        opt.zero_grad()
        F.cross_entropy(logits, target[s : s + batch]).backward()
        opt.step()

    report(a, time_steps(a, step, warm=3))


def latency_sasrec(a):
    m = SASRec().eval()
    seqs, w = zipf(m.items, (300, 1, m.length)), m.item.weight[: m.items]
    time_requests(a, lambda i: top20(torch.mv(w, m.encode(seqs[i], a.last_only)[0])), 300)


class Ader(nn.Module):
    """ADER's SASRec at DIGINETICA's last period: 256 new rows and 187 exemplars, 43,105 items, of which the teacher
    knew 43,023; inputs of 4.1 items on average. Keys and values of x itself, dropout 0.3, last block at the last
    place only.

    `ragged`: layers work on real places only, packed; attention pads to the batch's longest input. Otherwise inputs
    are padded to 50, as the authors do."""

    items, old, length, hidden, new, exemplars, p = 43105, 43023, 50, 150, 256, 187, 0.3

    def __init__(self):
        super().__init__()
        self.item, self.pos = nn.Embedding(self.items, self.hidden), nn.Embedding(self.length, self.hidden)
        for e in (self.item, self.pos):
            nn.init.normal_(e.weight, 0, 0.02)
        self.blocks, self.ln = nn.ModuleList([Block(self.hidden), Block(self.hidden)]), nn.LayerNorm(self.hidden, eps=1e-8)

    def block(self, b, x, place, mask, last):
        """x: [places, hidden] packed or [rows, L, hidden]; `place`: where packed places lie among the padded."""
        rows, n = mask.shape[0], mask.shape[-1]

        def pad(t):
            if place is None:
                return t
            return t.new_zeros(rows * n, self.hidden).index_copy(0, place, t).view(rows, n, self.hidden)

        k, v = pad(b.k(x)), pad(b.v(x))
        if last is not None:
            x = x[:, -1] if place is None else x[last]
        q = b.ln1(x)
        queries = b.q(q)[:, None] if last is not None else pad(b.q(q))
        mask = mask[:, :, -1:] if last is not None else mask
        y = F.scaled_dot_product_attention(queries[:, None], k[:, None], v[:, None], attn_mask=mask, dropout_p=self.p)[:, 0]
        if last is not None:
            y = y[:, 0]
        elif place is not None:
            y = y.reshape(rows * n, self.hidden)[place]
        z = b.ln2(y + q)
        return z + F.dropout(b.f2(F.dropout(F.relu(b.f1(z)), self.p)), self.p)

    def encode(self, batch):
        ids, position, place, mask, last = batch
        x = F.dropout(self.item(ids) * math.sqrt(self.hidden) + self.pos(position), self.p)
        x = self.block(self.blocks[0], x, place, mask, None)
        return self.ln(self.block(self.blocks[1], x, place, mask, last))

    def batch(self, ragged):
        rows = self.new + self.exemplars
        lengths = np.clip(rng.geometric(1 / 4.1, rows), 1, self.length)
        n = int(lengths.max()) if ragged else self.length
        real = torch.from_numpy(np.arange(n)[None] >= n - lengths[:, None])
        causal = torch.ones(n, n, dtype=torch.bool).tril()
        # Queries on padding see themselves, so that no softmax is over nothing.
        mask = (real[:, None, :] & causal | torch.eye(n, dtype=torch.bool))[:, None]
        position = torch.arange(self.length - n, self.length).expand(rows, n)
        ids = torch.from_numpy(rng.integers(0, self.items, (rows, n)))
        if not ragged:
            return ids, position, None, mask, torch.arange(rows)
        place = real.flatten().nonzero()[:, 0]
        return ids[real], position[real], place, mask, torch.from_numpy(np.cumsum(lengths) - 1)


def ader(a):
    m = Ader()
    batches = [m.batch(a.ragged) for _ in range(8)]
    target = torch.from_numpy(rng.integers(0, m.items, m.new))
    table, answers = torch.randn(m.old, m.hidden) * 0.1, torch.randn(m.exemplars, m.hidden)
    opt = adam(a.adam, m.parameters(), 0.0)

    def step(i):
        x = m.encode(batches[i % 8])
        loss = F.cross_entropy(x[: m.new] @ m.item.weight.t(), target)
        with torch.no_grad():
            wanted = (answers @ table.t()).softmax(1)
        # Probabilities as targets: the cross entropy to the teacher's softmax.
        loss = loss + 0.68 * F.cross_entropy(x[m.new :] @ m.item.weight[: m.old].t(), wanted)
        opt.zero_grad()
        loss.backward()
        opt.step()

    report(a, time_steps(a, step, warm=3), ragged=a.ragged, dim=m.hidden)


# --- evaluation: 5,220 users, 25,182 items -------------------------------------------------------------


def ranking(a):
    users, items, cut, block = 5220, 25182, 20, 512
    u, v = torch.randn(users, a.dim) * 0.1, torch.randn(items, a.dim) * 0.1
    seen, test, negatives = zipf(items, (users, 22)), zipf(items, (users, 6)), torch.randint(0, items, (users, 499))
    discount = 1 / torch.log2(torch.arange(2, cut + 2).float())

    def full():
        recall = ndcg = ap = 0.0
        for s in range(0, users, block):
            scores = u[s : s + block] @ v.t()
            scores.scatter_(1, seen[s : s + block], -float("inf"))
            top = torch.topk(scores, cut, dim=1)[1]
            hit = (top.unsqueeze(2) == test[s : s + block].unsqueeze(1)).any(2).float()
            recall += (hit.sum(1) / 6).sum().item()
            ndcg += ((hit * discount).sum(1) / discount[:6].sum()).sum().item()
            ap += ((hit.cumsum(1) / torch.arange(1, cut + 1).float() * hit).sum(1) / 6).sum().item()
        return recall, ndcg, ap

    def sampled():
        for s in range(0, users, block):
            ids = torch.cat([test[s : s + block, :1], negatives[s : s + block]], 1)
            scores = torch.bmm(v[ids], u[s : s + block].unsqueeze(2)).squeeze(2)
            (scores[:, 1:] > scores[:, :1]).sum(1).float().mean().item()

    for name, work in (("full", full), ("sampled499", sampled)):
        seconds = []
        with torch.inference_mode():
            work()
            for _ in range(a.reps):
                start = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - start)
        report(a, seconds, kind=name)


WORK = {
    "bpr": bpr,
    "rrd": rrd,
    "neumf": neumf,
    "de": de,
    "caser": caser,
    "rd-caser": rd_caser,
    "sasrec": sasrec,
    "ader": ader,
    "ranking": ranking,
    "latency-bpr": latency_bpr,
    "latency-caser": latency_caser,
    "latency-sasrec": latency_sasrec,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("--dim", type=int, default=200)
    parser.add_argument("--adam", choices=["default", "fused"], default="default")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--last-only", action="store_true", help="SASRec: last block at the last position only")
    parser.add_argument("--ragged", action="store_true", help="ADER: no padding in the layers")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    WORK[args.work](args)
