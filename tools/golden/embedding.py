"""Embedding: torch.nn.functional.embedding, torch.nn.EmbeddingBag, and the sequence-to-one model of an embedding, an LSTM and a
linear layer.

rows, padding: a case as in layers.py, with its tokens. model: tokens (batch, time) and lengths (packed with enforce_sorted=False), labels,
the parameters with luxtorch's names, the logits, the gradients of the binary cross-entropy, and its values over ten steps of Adam.
"""

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from layers import case, given

VOCABULARY, DIMS, HIDDEN = 7, 3, 4
TOKENS = [[1, 5, 2, 2, 6], [3, 1, 0, 0, 0], [6, 6, 4, 0, 0], [5, 0, 0, 0, 0]]


def rows():
    tokens = torch.tensor(TOKENS)
    return {"tokens": tokens,
            **case(lambda ps: (F.embedding(tokens, ps["weight"]), []), ps={"weight": given(VOCABULARY, DIMS, seed=60)})}


def padding():
    """Token 6 is padding, with a row of other numbers than zeros, as files have it."""
    tokens = torch.tensor(TOKENS)
    return {"tokens": tokens, **case(lambda ps: (F.embedding(tokens, ps["weight"], padding_idx=6), []),
                                     ps={"weight": given(VOCABULARY, DIMS, seed=68)})}


def bags():
    """Of all tokens of a row, of all but the padding 6, and of the first ones: torch's offsets into the rows one after another."""
    tokens, lengths = torch.tensor(TOKENS), torch.tensor([5, 0, 3, 1])
    first = torch.cat([row[:n] for row, n in zip(tokens, lengths)])
    offsets = lengths.cumsum(0) - lengths
    weight = given(VOCABULARY, DIMS, seed=69)

    def run(*x, **options):
        module = torch.nn.EmbeddingBag(VOCABULARY, DIMS, **options).double()
        return case(lambda ps: (torch.func.functional_call(module, ps, x), []), ps={"weight": weight})

    cases = {mode: {"all": run(tokens, mode=mode), "padding": run(tokens, mode=mode, padding_idx=6),
                    "lengths": run(first, offsets, mode=mode), "both": run(first, offsets, mode=mode, padding_idx=6)}
             for mode in ("sum", "mean", "max")}
    return {"tokens": tokens, "lengths": lengths, **cases}


def model():
    tokens, lengths, labels = torch.tensor(TOKENS), torch.tensor([5, 2, 3, 1]), torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    ps = {
        "embedding": {"weight": given(VOCABULARY, DIMS, seed=61)},
        "lstm": {"weight_ih": given(4 * HIDDEN, DIMS, seed=62, scale=0.6), "weight_hh": given(4 * HIDDEN, HIDDEN, seed=63, scale=0.6),
                 "bias_ih": given(4 * HIDDEN, seed=64, scale=0.5), "bias_hh": given(4 * HIDDEN, seed=65, scale=0.5)},
        "head": {"weight": given(1, HIDDEN, seed=66), "bias": given(1, seed=67)},
    }
    lstm = torch.nn.LSTM(DIMS, HIDDEN, batch_first=True).double()
    leaves = {part: {name: t.clone().requires_grad_() for name, t in own.items()} for part, own in ps.items()}

    def logits():
        x = F.embedding(tokens, leaves["embedding"]["weight"])
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        named = {f"{name}_l0": t for name, t in leaves["lstm"].items()}
        _, (h, _) = torch.func.functional_call(lstm, named, (packed,))
        return F.linear(h[0], leaves["head"]["weight"], leaves["head"]["bias"]).squeeze(-1)

    flat = [t for own in leaves.values() for t in own.values()]
    y = logits()
    found = iter(torch.autograd.grad(F.binary_cross_entropy_with_logits(y, labels), flat))
    grads = {part: {name: next(found) for name in own} for part, own in ps.items()}

    optimizer = torch.optim.Adam(flat, lr=0.05)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(logits(), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"tokens": tokens, "lengths": lengths, "labels": labels, "ps": ps, "y": y.detach(), "grads": grads, "losses": losses}


def generate():
    return {"rows": rows(), "padding": padding(), "bags": bags(), "model": model()}
