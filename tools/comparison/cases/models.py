"""The tutorial's classifier of spirals and the character model, with each kind of recurrent layer.

The spirals are the tutorial's; the text, the JAX programs and the spirals of which only the direction tells
them apart are those of tools/bench/recurrent.
"""

import functools
import sys
from pathlib import Path

import numpy

from case import Case, case

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench" / "recurrent"))

import problem

BATCHES = 8
KINDS = ("lstm", "gru", "rnn")
TRAINED = ("adam", "adamw", "momentum")


def model(nn, shape):
    every_step = shape.loss == "next"

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            kind = getattr(nn, shape.cell.upper())
            self.recurrent = kind(shape.inputs, shape.hidden, num_layers=shape.layers, batch_first=True)
            self.head = nn.Linear(shape.hidden, shape.outputs)

        def forward(self, x):
            y, _ = self.recurrent(x)
            return self.head(y) if every_step else self.head(y[:, -1]).sigmoid().squeeze(-1)

    return Model()


def batches(data, rng, shape):
    xs, ys = zip(*(data(rng, shape) for _ in range(BATCHES)))
    return numpy.stack(xs), numpy.stack(ys)


def spirals(rng, shape):
    """Arms as luxtorch::data::spirals makes them, each the first or the second as it falls."""
    y = rng.integers(0, 2, shape.batch)
    point = numpy.arange(shape.time)
    angle, radius = point * numpy.pi / 16, 6.5 * (104 - point) / 104
    arm = numpy.stack([radius * numpy.sin(angle), radius * numpy.cos(angle)], -1)
    x = (1 - 2 * y)[:, None, None] * arm
    return x + rng.normal(0, 0.1, x.shape), y


def jax_loss(shape):
    def loss(ps, x, y):
        import jax_scan

        renamed = {name.split(".")[1]: p for name, p in ps.items()}
        return jax_scan.loss_of(renamed, x, y, shape)

    return loss


def spiral(nn, rng, kind, data=spirals):
    shape = problem.spiral(kind)
    x, y = batches(data, rng, shape)
    return Case(f"{kind.upper()} 2 => 8, Dense 8 => 1 of the last output; batch 128, time 50; binary cross-entropy",
                model=model(nn, shape), loss=nn.BCELoss(), x=x, y=y.astype(float))


def char(nn, rng, kind):
    shape = problem.char(kind)
    x, y = batches(problem.text, rng, shape)
    cross_entropy = nn.CrossEntropyLoss()
    return Case(f"{kind.upper()} 68 => 128, 2 layers, Dense 128 => 68 of every output; one-hot, batch 32, time 32; "
                "cross-entropy", model=model(nn, shape), loss=lambda y_hat, y: cross_entropy(y_hat.mT, y),
                x=numpy.eye(shape.inputs)[x], y=y)


for kind in KINDS:
    case(f"models/spiral_{kind}", TRAINED, lr={"adam": 0.01, "adamw": 0.01, "momentum": 0.1}, all_steps=1e-8, recurrent=True,
         jax=jax_loss(problem.spiral(kind)))(functools.partial(spiral, kind=kind))
# Not learned by and by: the losses jump, and from then on rounding alone sends any two ways apart.
case("models/direction_lstm", lr=0.01, recurrent=True, jax=jax_loss(problem.spiral()))(
    functools.partial(spiral, kind="lstm", data=problem.spirals))
for kind in KINDS:
    case(f"models/char_{kind}", TRAINED, lr={"adam": 1e-3, "adamw": 1e-3, "momentum": 0.5}, recurrent=True,
         jax=jax_loss(problem.char(kind)))(functools.partial(char, kind=kind))
