"""The task grid: kinds of cells, sizes, and forward or training step, against PyTorch's module.

A grid cell's ratio is PyTorch's time by ours, the median of 9 pairs of turns; below 0.95 it is measured
again with 27 pairs, and that figure stands. The turns of a pair come in random order. A turn has as many
steps as fit into its time, each competitor's own number; training goes on from turn to turn.
"""

import contextlib
import dataclasses
import itertools
import math
import random
import statistics
import tempfile
import time
from pathlib import Path

import interleaved
import operations
import problem
from competitors import OURS, start, words
from limits import percent

THEIRS = "pytorch_module"
KINDS = ("rnn", "lstm", "gru")
HIDDEN = (8, 64, 128, 512)
TIMES = (16, 50, 200)
BATCHES = (1, 32, 128)
WHATS = ("forward", "step")

PAIRS, MORE_PAIRS, LEAST = 9, 27, 0.95
CHECKED_UPDATES = 20
TURN_NS = 30e6
# Two steps at least, so that the pairs of a training cell reach the loss that is checked; few enough that
# what is learnt stays away from numbers too small to be normal.
MOST_STEPS = {"forward": 1000, "step": 200}
PAUSE = 0.01  # see interleaved.play


@dataclasses.dataclass(frozen=True)
class Cell:
    kind: str
    hidden: int
    time: int
    batch: int
    what: str

    def __str__(self):
        return f"{self.kind} h{self.hidden} t{self.time} b{self.batch} {self.what}"


def cells():
    return [Cell(kind, hidden, time, batch, what)
            for kind, hidden, time, batch, what in itertools.product(KINDS, HIDDEN, TIMES, BATCHES, WHATS)]


def choose(text):
    """The cells of a filter: lstm,gru,h128 are those of both kinds with 128 units. ValueError for a word
    that names no part of the grid."""
    wanted = {}
    for word in filter(None, text.split(",")):
        for part, values in (("kind", KINDS), ("what", WHATS), ("hidden", HIDDEN), ("time", TIMES), ("batch", BATCHES)):
            names = {v if isinstance(v, str) else f"{part[0]}{v}": v for v in values}
            if word in names:
                wanted.setdefault(part, set()).add(names[word])
                break
        else:
            raise ValueError(f"{word} is no part of the grid")
    return [c for c in cells() if all(getattr(c, part) in values for part, values in wanted.items())]


def turn_steps(turn, what):
    return min(max(math.ceil(TURN_NS / interleaved.turn_ns(turn)), 2), MOST_STEPS[what])


@dataclasses.dataclass
class Measured:
    ratio: float  # median over the pairs of theirs by ours
    pairs: int
    ours: float  # the least, in ms
    theirs: float
    ours_median: float
    theirs_median: float


def play_pairs(ours, theirs, pairs, what, shuffle):
    """Measured, and {name: the numbers that all steps returned}."""
    both = [ours, theirs]
    turns = {c.name: [c.take_turn(2, 2)] for c in both}
    steps = {name: turn_steps(found[0], what) for name, found in turns.items()}
    for _ in range(pairs):
        shuffle(both)
        for c in both:
            time.sleep(PAUSE)
            turns[c.name].append(c.take_more(steps[c.name]))
    long = {name: [interleaved.turn_ns(turn) for turn in found[1:]] for name, found in turns.items()}
    ratios = [b / a for a, b in zip(long[ours.name], long[theirs.name])]
    least, median = ({name: f(ns for turn in found[1:] for ns in turn.ns) / 1e6 for name, found in turns.items()}
                     for f in (min, statistics.median))
    measured = Measured(statistics.median(ratios), pairs, least[ours.name], least[theirs.name],
                        median[ours.name], median[theirs.name])
    return measured, {name: [v for turn in found for v in turn.values] for name, found in turns.items()}


def measure(ours, theirs, cell, shuffle):
    """Measured for a cell whose problem both have open. Failed when they do not compute the same: the first
    number, and for a training step the loss after so many updates."""
    measured, values = play_pairs(ours, theirs, PAIRS, cell.what, shuffle)
    last = CHECKED_UPDATES if cell.what == "step" else 0
    if wrong := interleaved.disagreement({name: [own[0], own[last]] for name, own in values.items()}):
        raise interleaved.Failed(f"{cell}: they do not compute the same:\n{wrong}")
    if measured.ratio < LEAST:
        measured, _ = play_pairs(ours, theirs, MORE_PAIRS, cell.what, shuffle)
    return measured


def geometric_mean(numbers):
    return math.exp(statistics.fmean(math.log(n) for n in numbers))


def summary(found):
    """found: {cell: Measured}."""
    def mean(**parts):
        ratios = [m.ratio for c, m in found.items() if all(getattr(c, k) == v for k, v in parts.items())]
        return f"{geometric_mean(ratios):.2f}" if ratios else "-"

    worst = min(found, key=lambda c: found[c].ratio)
    below = sum(m.ratio < LEAST for m in found.values())
    again = sum(m.pairs == MORE_PAIRS for m in found.values())
    return [
        "geometric means: " + ", ".join(f"{kind} {what} {mean(kind=kind, what=what)}"
                                        for kind in KINDS for what in WHATS),
        f"geometric mean of all {len(found)} cells: {mean()}; worst: {worst} with {found[worst].ratio:.2f}; "
        f"below {LEAST}: {below}; measured again with {MORE_PAIRS} pairs: {again}",
    ]


def run(options, limit):
    wanted = choose(options.cells)
    print(f"\ngrid: {len(wanted)} cells against PyTorch's nn.RNN, nn.LSTM and nn.GRU. One layer with as many inputs as "
          "hidden units; forward gives the last output, a training step adds the mean of squares of its distance "
          f"from a target, backward and Adam.\nratio: PyTorch's time by ours, the median of {PAIRS} pairs "
          f"(of {MORE_PAIRS} where it was below {LEAST}); times: the least; of the limit: ours / theirs\n")
    print(f"{'':30}   ours ms  theirs ms   ratio  pairs    of the limit")
    shuffle = random.Random(0).shuffle
    found = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        both = None
        for (kind, hidden, steps, batch), group in itertools.groupby(
                wanted, key=lambda c: (c.kind, c.hidden, c.time, c.batch)):
            shape = problem.plain(kind, batch, steps, hidden)
            file = folder / f"{kind}_h{hidden}_t{steps}_b{batch}"
            problem.write(file, shape)
            if both is None:
                both = start(options, [OURS, THEIRS], stack, file)
                if len(both) < 2:
                    raise interleaved.Failed("the grid compares with PyTorch, which cannot run")
            limit.measure()
            for cell in group:
                for competitor in both:
                    competitor.open(file, cell.what)
                found[cell] = m = measure(*both, cell, shuffle)
                count = operations.of_products(shape, cell.what == "step")
                for name, ms in ((OURS, m.ours), (THEIRS, m.theirs)):
                    limit.saw(count / ms / 1e6, f"{words(name, kind)}, {cell}")
                shares = [percent(limit.share(count, ms * 1e6)) for ms in (m.ours, m.theirs)]
                print(f"{str(cell):30} {m.ours:9.3f}  {m.theirs:9.3f}  {m.ratio:6.2f}  {m.pairs:5}    "
                      f"{shares[0]:>6} / {shares[1]:>6}", flush=True)
            file.unlink()
    print("\n" + "\n".join([limit.words(), *summary(found)]))
    return {
        "versions": {c.name: c.about for c in both},
        "cells": [{**dataclasses.asdict(c), **dataclasses.asdict(m)} for c, m in found.items()],
        "geometric_mean": geometric_mean([m.ratio for m in found.values()]),
    }
