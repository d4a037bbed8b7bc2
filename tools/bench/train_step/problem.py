"""What the competitors compute, as a file: shapes, one batch of spirals, the first parameters.

The file: eight int64 (a mark, the cell's number, batch, time, in, hidden, gates and a zero), then
float32 in the order of ARRAYS, all in the machine's byte order. problem.h reads it in C++.
"""

import array
import dataclasses
import math
import random

MARK = 0x7374657000000001
CELLS = {"lstm": (0, 4), "gru": (1, 3), "rnn": (2, 1)}  # number, gates
ADAM_LR = 0.01


def shapes(batch, time, inputs, hidden, gates):
    return {
        "x": (batch, time, inputs),
        "y": (batch,),
        "weight_ih": (gates * hidden, inputs),
        "weight_hh": (gates * hidden, hidden),
        "bias_ih": (gates * hidden,),
        "bias_hh": (gates * hidden,),
        "weight": (1, hidden),
        "bias": (1,),
    }


@dataclasses.dataclass
class Problem:
    cell: str
    batch: int
    time: int
    inputs: int
    hidden: int
    arrays: dict  # of numpy arrays; x (batch, time, inputs), y (batch) of 0 and 1


def write(path, cell, batch, time, hidden, seed=0):
    """Spirals that turn left or right, with noise; parameters U(-b, b), b = 1 / sqrt(hidden)."""
    rng = random.Random(seed)
    number, gates = CELLS[cell]
    bound = 1 / math.sqrt(hidden)
    x, y = array.array("f"), array.array("f")
    for i in range(batch):
        turn = i % 2
        start = rng.uniform(0, 2 * math.pi)
        for t in range(time):
            radius = 1 - t / time
            angle = start + (1 if turn else -1) * 4 * math.pi * t / time
            x.append(radius * math.cos(angle) + rng.gauss(0, 0.03))
            x.append(radius * math.sin(angle) + rng.gauss(0, 0.03))
        y.append(turn)
    with open(path, "wb") as file:
        array.array("q", [MARK, number, batch, time, 2, hidden, gates, 0]).tofile(file)
        x.tofile(file)
        y.tofile(file)
        for name, shape in shapes(batch, time, 2, hidden, gates).items():
            if name not in ("x", "y"):
                array.array("f", (rng.uniform(-bound, bound) for _ in range(math.prod(shape)))).tofile(file)


def read(path):
    import numpy

    header = numpy.fromfile(path, numpy.int64, 8)
    assert header[0] == MARK, f"{path} is not a problem of this measurement"
    number, batch, time, inputs, hidden, gates = (int(n) for n in header[1:7])
    numbers = numpy.fromfile(path, numpy.float32, offset=header.nbytes)
    arrays, begin = {}, 0
    for name, shape in shapes(batch, time, inputs, hidden, gates).items():
        end = begin + math.prod(shape)
        arrays[name] = numbers[begin:end].reshape(shape)
        begin = end
    assert begin == numbers.size, f"{path} is not as long as it should be"
    cell = next(name for name, (n, _) in CELLS.items() if n == number)
    return Problem(cell, batch, time, inputs, hidden, arrays)
