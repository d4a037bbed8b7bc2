"""Measures one training step of the spiral classifier: luxtorch, LibTorch, PyTorch and JAX in turns.

    tools/run train_step                              all of them, an LSTM, as many threads as processors
    tools/run train_step --threads 1 --cell gru --case luxtorch_recurrence pytorch_module

A step is forward, binary cross-entropy, backward, Adam(0.01), and the loss as a number in the program;
the model is a recurrent cell over (batch, time, 2), then Dense(hidden => 1, sigmoid) of its last
output. All competitors read one file with the batch and the first parameters, and before anything is
measured their losses must agree: the first one within 1e-5, the one after ten updates within 1e-3.

What is printed: the shortest step, the median of all steps, the processor time of a step (of all
threads; other programs disturb it less), and how many times as long as the competitor named by --base
it took: of the shortest steps, and the median over the rounds, each round's turns compared with each
other, with its 10th and 90th percentile.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import interleaved  # noqa: E402
import problem  # noqa: E402

# Name, what is started, and in words, {} for LSTM, GRU or RNN.
CASES = {
    "luxtorch_struct": (("luxtorch_struct",), "struct, a loop over the cell"),
    "luxtorch_compact": (("luxtorch_compact",), "compact, a loop over the cell"),
    "luxtorch_recurrence": (("luxtorch_recurrence",), "Chain(Recurrence(cell), Dense)"),
    "libtorch_cells": (("libtorch", "cells"), "C++, a loop over torch::nn::{}Cell"),
    "libtorch_module": (("libtorch", "module"), "C++, torch::nn::{}"),
    "pytorch_cells": (("pytorch_cells.py",), "Python, a loop over nn.{}Cell"),
    "pytorch_module": (("pytorch_module.py",), "Python, nn.{}"),
    "jax_scan": (("jax_scan.py",), "lax.scan, the step under one jit"),
}
CHECKED_UPDATES = 10


def parse(arguments):
    parser = argparse.ArgumentParser(prog="train_step", description=__doc__.splitlines()[0])

    def positive(text):
        if (number := int(text)) < 1:
            raise argparse.ArgumentTypeError(f"{number} is not above 0")
        return number

    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--cell", choices=problem.CELLS, default="lstm")
    parser.add_argument("--batch", type=positive, default=128)
    parser.add_argument("--time", type=positive, default=50)
    parser.add_argument("--hidden", type=positive, default=8)
    parser.add_argument("--threads", type=positive, default=cpus,
                        help="for each competitor, which may use as many processors (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=30)
    parser.add_argument("--steps", type=positive, default=20, help="in a turn (default: %(default)s)")
    parser.add_argument("--warm", type=positive, default=3,
                        help="steps of a turn that are not timed (default: %(default)s)")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="NAME",
                        help="competitors: " + ", ".join(CASES))
    parser.add_argument("--base", choices=CASES, metavar="NAME", default="luxtorch_recurrence",
                        help="whom the others are compared with (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every time to FILE")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.threads > cpus:
        parser.error(f"--threads {options.threads}: there are {cpus} processors")
    if options.base not in options.case:
        options.case.append(options.base)
    return options


def command(options, name, file):
    program, *arguments = CASES[name][0]
    if program.endswith(".py"):
        return [sys.executable, HERE / program, file, *arguments]
    if not (options.programs / program).exists():
        raise interleaved.Skipped("it is not built")
    return [options.programs / program, file, *arguments]


def environment(threads):
    """The same number of threads for OpenMP, MKL and, by the processors that it sees, XLA."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }


def start(options, file, stack):
    """The competitors that are ready; the others are named with their reason."""
    cpus = sorted(os.sched_getaffinity(0))[: options.threads]
    ready = []
    for name in options.case:
        try:
            competitor = interleaved.Competitor(
                name, command(options, name, file), environment(options.threads), cpus)
        except interleaved.Skipped as reason:
            print(f"skipped: {name}: {reason}")
            continue
        ready.append(stack.enter_context(competitor))
        if competitor.threads != options.threads:
            raise interleaved.Failed(f"{name} uses {competitor.threads} threads, not {options.threads}")
    return ready


def processor():
    with contextlib.suppress(OSError, StopIteration):
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def describe(options):
    count = f"{options.threads} thread" + "s" * (options.threads > 1)
    return [
        f"A training step: {options.cell.upper()}, batch {options.batch}, time {options.time}, in 2, "
        f"hidden {options.hidden}, float32, {count}",
        f"{options.rounds} rounds of {options.steps} steps, in a new order each; {processor()}, "
        f"load {os.getloadavg()[0]:.1f} at the start",
    ]


def table(found, base, cell):
    width = max(len(name) for name in found)
    lines = [f"{'':{width}}    minimum     median  processor    times as long as {base}",
             f"{'':{width}}         ms         ms         ms    minima   rounds (10 % to 90 %)"]
    for name, c in found.items():
        spread = f"{c.ratio:.2f} ({c.ratio_low:.2f} to {c.ratio_high:.2f})"
        lines.append(f"{name:{width}} {c.minimum:10.3f} {c.median:10.3f} {c.cpu:10.3f}   "
                     f"{c.ratio_of_minimums:7.2f}   {spread:22} "
                     + CASES[name][1].format(cell.upper()))
    return lines


def run(options):
    lines = describe(options)
    print("\n".join(lines))
    with contextlib.ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "problem"
        problem.write(file, options.cell, options.batch, options.time, options.hidden)
        competitors = start(options, file, stack)
        names = [c.name for c in competitors]
        if options.base not in names:
            raise interleaved.Failed(f"{options.base} cannot run, and the others would be compared with it")
        print("versions: " + "; ".join(sorted({c.about for c in competitors})))

        first = next(interleaved.play(competitors, rounds=1, warm=CHECKED_UPDATES, steps=1))
        if wrong := interleaved.disagreement(first):
            raise interleaved.Failed("they do not compute the same:\n" + wrong)
        values = first[options.base].values
        print(f"all start at loss {values[0]:.6f} and have {values[-1]:.6f} after {CHECKED_UPDATES} updates")

        rounds = list(interleaved.play(competitors, options.rounds, options.warm, options.steps))
    found = interleaved.compare([{name: turns[name] for name in names} for turns in rounds], options.base)
    print("\n" + "\n".join(table(found, options.base, options.cell)))
    if options.json:
        options.json.write_text(json.dumps({
            "about": lines,
            "options": {k: v for k, v in vars(options).items() if k not in ("json", "programs")},
            "versions": {c.name: c.about for c in competitors},
            "summary": {name: dataclasses.asdict(c) for name, c in found.items()},
            "ns": {name: [turns[name].ns for turns in rounds] for name in names},
            "cpu_ns": {name: [turns[name].cpu_ns for turns in rounds] for name in names},
        }) + "\n")


def main(arguments):
    options = parse(arguments)
    try:
        run(options)
    except interleaved.Failed as error:
        print(f"train_step: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
