#!/usr/bin/env python3
"""Writes tests/golden/bert4rec.json: outputs, loss and gradients of BERT4Rec as AdaRec's code has it, in f64.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch
    git clone https://github.com/Anonymous-2611/AdaRec && git -C AdaRec checkout 501c008
    /tmp/torch/bin/python tests/golden/bert4rec.py AdaRec > tests/golden/bert4rec.json

The weights are random numbers of four decimals, so that f32 and f64 start alike; matrices are written by input and output.
"""

import json
import sys
from types import SimpleNamespace

import torch

sys.path.insert(0, sys.argv[1])
from models.bert.model import BertModel  # noqa: E402

ITEMS, WIDTH, LENGTH, BLOCKS, HEADS = 5, 4, 4, 2, 2

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
model = BertModel(
    SimpleNamespace(
        bert_hidden_units=WIDTH,
        loader_num_items=ITEMS,
        loader_num_aux_vocabs=2,
        loader_max_len=LENGTH,
        bert_dropout=0.0,
        bert_num_heads=HEADS,
        bert_num_blocks=BLOCKS,
        bert_use_eps=False,
    )
)
with torch.no_grad():
    for _, parameter in model.named_parameters():
        parameter.copy_(torch.round(parameter + 0.3 * torch.randn_like(parameter), decimals=4))
    model.bert.embedding.token.weight[0] = 0
model.eval()
# A piece with padding and the mask, and one without.
ids = torch.tensor([[0, 0, 3, 6], [2, 5, 1, 4]])
labels = torch.tensor([[0, 0, 0, 2], [5, 0, 4, 1]])
embedding, hidden, logits = model.emb_hidden_logits(ids)
loss = torch.nn.CrossEntropyLoss(ignore_index=0)(logits.view(-1, ITEMS + 1), labels.view(-1))
loss.backward()
theirs = dict(model.named_parameters())

LAYERS = [
    ("query", "attention.linear_layers.0"),
    ("key", "attention.linear_layers.1"),
    ("value", "attention.linear_layers.2"),
    ("attended", "attention.output_linear"),
    ("inner", "feed_forward.w_1"),
    ("outer", "feed_forward.w_2"),
]
NORMS = [("attention-norm", "input_sublayer.norm"), ("feed-norm", "output_sublayer.norm")]


def names():
    """Our name, theirs, and whether the matrix is transposed."""
    yield "item", "bert.embedding.token.weight", False
    yield "position", "bert.embedding.position.pe.weight", False
    for block in range(BLOCKS):
        prefix = f"bert.blocks.{block}."
        for name, key in LAYERS:
            yield f"block-{block}-{name}-weight", f"{prefix}{key}.weight", True
            yield f"block-{block}-{name}-bias", f"{prefix}{key}.bias", False
        for name, key in NORMS:
            yield f"block-{block}-{name}-scale", f"{prefix}{key}.weight", False
            yield f"block-{block}-{name}-shift", f"{prefix}{key}.bias", False
    yield "output-weight", "out.weight", False
    yield "output-bias", "out.bias", False


def numbers(tensor):
    return [float("%.9g" % value) for value in tensor.detach().flatten().tolist()]


parameters, gradients = [], []
for name, key, transposed in names():
    parameter = theirs.pop(key)
    turn = (lambda t: t.T) if transposed else (lambda t: t)
    parameters.append({"name": name, "values": numbers(turn(parameter))})
    gradients.append({"name": name, "values": numbers(turn(parameter.grad))})
assert not theirs, theirs.keys()

lines = ",\n".join
inputs = {"items": ITEMS, "width": WIDTH, "length": LENGTH, "blocks": BLOCKS, "heads": HEADS}
inputs |= {"ids": ids.flatten().tolist(), "labels": labels.flatten().tolist()}
expected = {"embedding": numbers(embedding), "hidden": [numbers(h) for h in hidden], "logits": numbers(logits)}
expected |= {"cross_entropy": float("%.12g" % loss.item())}
source = "AdaRec (Anonymous-2611/AdaRec at 501c008), models/bert, in f64 with torch 2.15, evaluation mode; weights by input and output"
print('{"meta": ' + json.dumps({"source": source}) + ',\n "cases": [{"name": "bert4rec_teacher",')
print('"inputs": ' + json.dumps(inputs)[:-1] + ', "parameters": [\n' + lines(map(json.dumps, parameters)) + "]},")
print('"expected": ' + json.dumps(expected)[:-1] + ', "gradients": [\n' + lines(map(json.dumps, gradients)) + "]}}]}")
