#!/usr/bin/env python3
"""Steps of AdaRec's student in PyTorch, at the sizes of the bench `adarec_student`: what `adarec/student/…`,
`adarec/losses/hidden` and, as `step-…`, `adarec/training-step/…` measure.

    python3 -m venv ~/.cache/torch-peer && ~/.cache/torch-peer/bin/pip install torch numpy
    ~/.cache/torch-peer/bin/python benches/peers/adarec_search.py --threads 2

Written as a careful PyTorch program would be: of the ten operations of an edge only the drawn one is in the graph; the others
are computed without one, each kind of convolution for all edges of a feature map at once, and meet the gradient in one
product, from which that of the architecture parameters comes. `literal` sums all operations in the graph, as the code does.
Prints a line of JSON for each kind: milliseconds of wall clock and of CPU a step.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

B, L, C, CELLS, ITEMS, WIDTH, LAYERS = 64, 20, 16, 4, 1268, 64, 4
# Kernel, dilation, padding on the left and on the right.
CONVOLUTIONS = [(3, 1, 1, 1), (3, 2, 2, 2), (3, 2, 4, 0), (5, 1, 2, 2), (5, 2, 4, 4), (5, 2, 8, 0)]
EDGES = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
FULL, CAUSAL = list(range(10)), [2, 5, 8, 9]


class Meet(torch.autograd.Function):
    """The drawn operation's value; on the way back ⟨gradient, operation⟩ of all operations, too."""

    @staticmethod
    def forward(ctx, drawn, weights, stack):
        ctx.save_for_backward(stack)
        return drawn.view_as(drawn)

    @staticmethod
    def backward(ctx, gradient):
        (stack,) = ctx.saved_tensors
        return gradient, stack.flatten(1) @ gradient.flatten(), None


class Cell(nn.Module):
    def __init__(self, space):
        super().__init__()
        self.space = space
        self.convs = [o for o in space if o < 6]
        self.weight, self.bias = nn.ParameterDict(), nn.ParameterDict()
        self.norm = nn.ModuleDict()
        for e in range(6):
            for o in self.convs:
                conv = nn.Conv1d(C, C, CONVOLUTIONS[o][0])
                self.weight[f"{e}-{o}"], self.bias[f"{e}-{o}"] = conv.weight, conv.bias
                self.norm[f"{e}-{o}"] = nn.BatchNorm1d(C)
        self.nodes = nn.Parameter(0.01 * torch.randn(3))
        self.layer = nn.LayerNorm(C, eps=1e-8)

    def one(self, x, e, o):
        """The operation o of the edge e, of x [B, C, L]."""
        if o < 6:
            _, dilation, left, right = CONVOLUTIONS[o]
            y = F.conv1d(F.pad(x, (left, right)), self.weight[f"{e}-{o}"], self.bias[f"{e}-{o}"], dilation=dilation)
            return self.norm[f"{e}-{o}"](y)
        if o == 6:
            return F.max_pool1d(x, 3, 1, 1)
        if o == 7:
            return F.avg_pool1d(x, 3, 1, 1)
        return x if o == 8 else torch.zeros_like(x)

    @torch.no_grad()
    def all(self, x, edges):
        """All operations of the edges of one feature map, by edge [operations, B, C, L]."""
        by_operation = []
        for o in self.space:
            if o >= 6:
                y = self.one(x, 0, o)
                by_operation.append([y] * len(edges))
                continue
            _, dilation, left, right = CONVOLUTIONS[o]
            cat = lambda of: torch.cat([of(f"{e}-{o}") for e in edges])
            y = F.conv1d(F.pad(x, (left, right)), cat(lambda k: self.weight[k]), cat(lambda k: self.bias[k]), dilation=dilation)
            norms = [self.norm[f"{e}-{o}"] for e in edges]
            mean, variance = torch.cat([n.running_mean for n in norms]), torch.cat([n.running_var for n in norms])
            y = F.batch_norm(y, mean, variance, cat(lambda k: self.norm[k].weight), cat(lambda k: self.norm[k].bias), True, 0.1, 1e-5)
            for n, m, v in zip(norms, mean.chunk(len(edges)), variance.chunk(len(edges))):
                n.running_mean.copy_(m)
                n.running_var.copy_(v)
            by_operation.append(y.chunk(len(edges), 1))
        return [torch.stack([by[k] for by in by_operation]) for k in range(len(edges))]

    def forward(self, x, drawn, weights, literal):
        maps = [x.transpose(1, 2)]
        values = {}
        for source in range(3):
            if source > 0:
                maps.append(sum(values[source, m] for m in range(source)))
            relu = F.relu(maps[source])
            edges = [e for e, (_, m) in enumerate(EDGES) if m == source]
            stacks = None if weights is None or literal else self.all(relu, edges)
            for k, e in enumerate(edges):
                if literal:
                    value = sum(weights[e, j] * self.one(relu, e, o) for j, o in enumerate(self.space))
                else:
                    value = self.one(relu, e, drawn[e])
                    if weights is not None:
                        value = Meet.apply(value, weights[e], stacks[k])
                values[EDGES[e]] = value
        maps.append(sum(values[3, m] for m in range(3)))
        a = torch.softmax(self.nodes, 0)
        mixed = a[0] * maps[1] + a[1] * maps[2] + a[2] * maps[3]
        return x + F.relu(self.layer(mixed.transpose(1, 2)))


class Student(nn.Module):
    def __init__(self, space, searched):
        super().__init__()
        self.token, self.position = nn.Embedding(ITEMS + 1, C, padding_idx=0), nn.Embedding(L, C)
        self.cells = nn.ModuleList(Cell(space) for _ in range(CELLS))
        self.alpha = nn.Parameter(0.01 * torch.randn(6, len(space))) if searched else None
        self.space = space

    def forward(self, ids, literal=False):
        weights, drawn = None, [self.space[0]] * 6
        if self.alpha is not None:
            weights = F.gumbel_softmax(self.alpha, tau=1.0, hard=True)
            drawn = [self.space[k] for k in weights.argmax(1).tolist()]
        x = F.dropout(self.token(ids) + self.position.weight, 0.1)
        outputs = [x]
        for cell in self.cells:
            x = cell(x, drawn, weights, literal)
            outputs.append(x)
        return outputs, F.dropout(x, 0.1)


def hidden(cells, teacher, projection):
    p = torch.log_softmax(projection(torch.stack(cells)), -1).flatten(1)
    plain = (p.exp() * p).sum(1)
    distances = (plain[:, None] - p.exp() @ teacher.T) / B
    with torch.no_grad():
        q = teacher.exp()
        opposite = ((q * teacher).sum(1)[None] - p @ q.T) / B
    # The transport is microseconds: any flow will do.
    return (distances / distances.numel()).sum() + 0 * opposite.sum()


class Training:
    """Whole steps: the student's losses from the kept answers of a teacher, and a step of AdamW on network and on α."""

    def __init__(self, space, searched, literal):
        self.student, self.literal = Student(space, searched), literal
        self.embed, self.project, self.out = nn.Linear(C, WIDTH), nn.Linear(C, WIDTH), nn.Linear(C, ITEMS + 1)
        self.costs = torch.rand(len(space))
        alpha = [] if self.student.alpha is None else [self.student.alpha]
        network = [p for p in self.student.parameters() if all(p is not a for a in alpha)]
        network += [p for m in (self.embed, self.project, self.out) for p in m.parameters()]
        self.optimisers = [torch.optim.AdamW(network, lr=5e-3, weight_decay=5e-4, fused=True)]
        if alpha:
            self.optimisers.append(torch.optim.AdamW(alpha, lr=2e-5, weight_decay=1e-4, fused=True))
        kept = 640
        self.pieces = torch.randint(1, ITEMS + 1, (kept, L + 1))
        for row in self.pieces:
            # Two of 20 items are held out, and one piece in five is shorter.
            row[: 3 if torch.rand(()) < 0.8 else int(torch.randint(4, L, ()))] = 0
        self.answers = {name: torch.randn(kept, L, WIDTH) for name in ("embedding", "last")}
        self.answers["hidden"] = torch.log_softmax(torch.randn(kept, LAYERS, L, WIDTH), -1)
        self.teacher = nn.Linear(WIDTH, ITEMS + 1).requires_grad_(False)

    def step(self):
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        pieces = torch.randint(0, len(self.pieces), (B,))
        ids, labels = self.pieces[pieces, :-1], self.pieces[pieces, 1:]
        outputs, representation = self.student(ids, self.literal)
        hidden_loss = hidden(outputs[1:], self.answers["hidden"][pieces].transpose(0, 1).reshape(LAYERS, -1), self.project)
        embedding_loss = F.mse_loss(self.embed(outputs[0]), self.answers["embedding"][pieces])
        logs = torch.log_softmax(self.out(representation).flatten(0, 1), -1)
        with torch.no_grad():
            theirs = torch.log_softmax(self.teacher(self.answers["last"][pieces]).flatten(0, 1), -1)
        output_loss = F.kl_div(theirs, logs, reduction="sum", log_target=True) / B
        cross_entropy = F.nll_loss(logs, labels.flatten(), ignore_index=0)
        loss = 0.5 * cross_entropy + 0.5 * (embedding_loss + hidden_loss + output_loss)
        if self.student.alpha is not None:
            loss = loss + 8 * (torch.softmax(self.student.alpha, 1) @ self.costs).sum()
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()


def timed(step, steps):
    for _ in range(5):
        step()
    wall, cpu = [], []
    for _ in range(steps):
        w, c = time.perf_counter(), time.process_time()
        step()
        wall.append((time.perf_counter() - w) * 1e3)
        cpu.append((time.process_time() - c) * 1e3)
    return {"ms": statistics.median(wall), "cpu_ms": statistics.median(cpu)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    ids = torch.randint(1, ITEMS + 1, (B, L))
    gradient = 1e-3 * torch.randn(B, L, C)
    for kind, space, searched, literal in [
        ("full", FULL, True, False),
        ("literal", FULL, True, True),
        ("causal", CAUSAL, True, False),
        ("discrete", [0], False, False),
    ]:
        student = Student(space, searched)

        def forward():
            with torch.enable_grad():
                return student(ids, literal)

        def step():
            student.zero_grad(set_to_none=False)
            outputs, representation = forward()
            sum((x * gradient).sum() for x in [*outputs, representation]).backward()

        for name, work in [(f"{kind}-forward", forward), (kind, step)]:
            if arguments.only in name:
                print(json.dumps({"kind": name, **timed(work, arguments.steps)}), flush=True)
    for kind, space, searched, literal in [
        ("step-search", FULL, True, False),
        ("step-literal", FULL, True, True),
        ("step-search-causal", CAUSAL, True, False),
        ("step-discrete-kd", [0], False, False),
    ]:
        if arguments.only in kind:
            print(json.dumps({"kind": kind, **timed(Training(space, searched, literal).step, arguments.steps)}), flush=True)
    projection = nn.Linear(C, WIDTH)
    cells = [torch.randn(B, L, C, requires_grad=True) for _ in range(CELLS)]
    teacher = torch.log_softmax(torch.randn(LAYERS, B * L, WIDTH), -1).flatten(1)

    def loss():
        projection.zero_grad()
        hidden(cells, teacher, projection).backward()

    if arguments.only in "hidden":
        print(json.dumps({"kind": "hidden", **timed(loss, arguments.steps)}), flush=True)


if __name__ == "__main__":
    main()
