"""What the competitors compute, as a file: shapes, a batch, the first parameters.

A model is `layers` recurrent layers of one kind of cell over (batch, time, inputs), and by its loss:

    binary    Dense(hidden => 1, sigmoid) of the last output, binary cross-entropy with y (batch) of 0 and 1
    next      Dense(hidden => outputs) of every output, mean cross-entropy with y (batch, time) of symbols;
              x is of symbols too, (batch, time), each below inputs
    squares   mean of (last output - y)^2, y (batch, hidden)

A training step is forward, loss, backward, Adam(lr).

The file: twelve int64 (a mark, then HEADER), then x and y, then the parameters, in the order of shapes(),
all in the machine's byte order; symbols as int64, all else as float32. problem.h reads it in C++.
"""

import dataclasses
import math

MARK = 0x7374657000000002
HEADER = ("cell", "loss", "layers", "batch", "time", "inputs", "hidden", "outputs", "gates", "lr_millionths", "seed")
CELLS = {"lstm": (0, 4), "gru": (1, 3), "rnn": (2, 1)}  # number, gates
LOSSES = {"binary": 0, "next": 1, "squares": 2}


@dataclasses.dataclass(frozen=True)
class Shape:
    """A problem without its numbers. outputs: the head's, 0 where there is none."""

    cell: str
    loss: str
    batch: int
    time: int
    inputs: int
    hidden: int
    outputs: int
    layers: int = 1
    lr: float = 0.001

    @property
    def gates(self):
        return CELLS[self.cell][1]


@dataclasses.dataclass
class Problem:
    shape: Shape
    arrays: dict  # of numpy arrays, as shapes() has them


def spiral(cell="lstm", batch=128, time=50, hidden=8):
    return Shape(cell, "binary", batch, time, inputs=2, hidden=hidden, outputs=1, lr=0.01)


def char(cell="lstm", batch=32, time=32, hidden=128, symbols=68):
    return Shape(cell, "next", batch, time, inputs=symbols, hidden=hidden, outputs=symbols, layers=2)


def plain(cell, batch, time, hidden):
    """One layer as it lies between others: as many inputs as hidden units."""
    return Shape(cell, "squares", batch, time, inputs=hidden, hidden=hidden, outputs=0, lr=0.0001)


def shapes(s):
    """{name: shape} of the arrays in the file."""
    found = {
        "x": (s.batch, s.time) if s.loss == "next" else (s.batch, s.time, s.inputs),
        "y": {"binary": (s.batch,), "next": (s.batch, s.time), "squares": (s.batch, s.hidden)}[s.loss],
    }
    for layer in range(s.layers):
        found[f"weight_ih_l{layer}"] = (s.gates * s.hidden, s.hidden if layer else s.inputs)
        found[f"weight_hh_l{layer}"] = (s.gates * s.hidden, s.hidden)
        found[f"bias_ih_l{layer}"] = (s.gates * s.hidden,)
        found[f"bias_hh_l{layer}"] = (s.gates * s.hidden,)
    if s.outputs:
        found["weight"] = (s.outputs, s.hidden)
        found["bias"] = (s.outputs,)
    return found


def spirals(rng, s):
    """Spirals that turn left or right, with noise."""
    import numpy

    y = numpy.arange(s.batch) % 2
    t = numpy.arange(s.time) / s.time
    angle = rng.uniform(0, 2 * math.pi, (s.batch, 1)) + (2 * y - 1)[:, None] * 4 * math.pi * t
    x = numpy.stack([(1 - t) * numpy.cos(angle), (1 - t) * numpy.sin(angle)], -1)
    return x + rng.normal(0, 0.03, x.shape), y


def text(rng, s):
    """Made-up text in which a symbol often follows from the one before, and what comes next."""
    import numpy

    text = rng.integers(0, s.inputs, (s.batch, s.time + 1))
    for t in range(1, s.time + 1):
        text[:, t] = numpy.where(rng.random(s.batch) < 0.7, (3 * text[:, t - 1] + 1) % s.inputs, text[:, t])
    return text[:, :-1], text[:, 1:]


def noise(rng, s):
    x = rng.standard_normal((s.batch, s.time, s.inputs), dtype="float32")
    x *= 0.5
    return x, rng.uniform(-0.5, 0.5, (s.batch, s.hidden))


def parameter(rng, s, name, shape):
    """U(-b, b), b = 1 / sqrt(hidden). Without a head (squares) the recurrent weights have b =
    sqrt(3 / hidden) and the forget gate a bias of 1: 200 steps back no gradient is so small then that it
    is denormal, which some processors compute a hundred times more slowly."""
    bound = 1 / math.sqrt(s.hidden)
    if s.loss == "squares" and name.startswith("weight_hh"):
        bound *= math.sqrt(3)
    values = rng.uniform(-bound, bound, shape)
    if s.loss == "squares" and s.cell == "lstm" and name.startswith("bias_ih"):
        values[s.hidden : 2 * s.hidden] += 1
    return values


def write(path, s, seed=0):
    import numpy

    rng = numpy.random.default_rng(seed)
    numbers = {**dataclasses.asdict(s), "cell": CELLS[s.cell][0], "loss": LOSSES[s.loss], "gates": s.gates,
               "lr_millionths": round(s.lr * 1e6), "seed": seed}
    x, y = {"binary": spirals, "next": text, "squares": noise}[s.loss](rng, s)
    kind = numpy.int64 if s.loss == "next" else numpy.float32
    with open(path, "wb") as file:
        numpy.array([MARK, *(numbers[name] for name in HEADER)], numpy.int64).tofile(file)
        for name, shape in shapes(s).items():
            if name in ("x", "y"):
                (x if name == "x" else y).astype(kind, copy=False).reshape(shape).tofile(file)
            else:
                parameter(rng, s, name, shape).astype(numpy.float32).tofile(file)


def read(path):
    import numpy

    with open(path, "rb") as file:
        mark, *header = (int(n) for n in numpy.fromfile(file, numpy.int64, 1 + len(HEADER)))
        if mark != MARK:
            raise ValueError(f"{path} is not a problem of this measurement")
        found = dict(zip(HEADER, header))
        cell = next(name for name, (n, _) in CELLS.items() if n == found["cell"])
        loss = next(name for name, n in LOSSES.items() if n == found["loss"])
        shape = Shape(cell, loss, found["batch"], found["time"], found["inputs"], found["hidden"],
                      found["outputs"], found["layers"], found["lr_millionths"] / 1e6)
        kind = numpy.int64 if loss == "next" else numpy.float32
        arrays = {
            name: numpy.fromfile(file, kind if name in ("x", "y") else numpy.float32, math.prod(size)).reshape(size)
            for name, size in shapes(shape).items()
        }
        if file.read(1):
            raise ValueError(f"{path} is longer than it should be")
    return Problem(shape, arrays)
