"""Measures training steps of small networks: luxtorch, PyTorch and JAX in turns.

    tools/run small_networks                            all five, on 1 thread and on all
    tools/run small_networks --case small/lenet --threads 1 --rounds 30 --json FILE

A step is forward pass, cross-entropy, backward pass and Adam. The networks are cases of tools/comparison
(cases/small_networks.py), where `tools/compare --case small` compares their values and shows more times. All
start from the same parameters and see the same batches; their losses must agree, the first one within 1e-5, the
one after twenty updates within 1e-4, or nothing is measured. PyTorch's Adam is fused or foreach; the faster one
counts in the last column. JAX's step is one jit with donated buffers.

What is printed: the shortest and the median step, and how many times as long as luxtorch's it took: of the
shortest steps, and the median over the rounds, each round's turns compared with each other, with its 10th and
90th percentile. Each competitor is a process with so many threads on as many processors.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPARISON = HERE.parents[1] / "comparison"
sys.path[:0] = [str(HERE.parent), str(COMPARISON)]

import case  # noqa: E402
import interleaved  # noqa: E402
import limits  # noqa: E402

CASES = COMPARISON / "cases"
GROUP = "small/"
OURS, JAX = "luxtorch", "JAX, jit"
PYTORCH = {"PyTorch, Adam fused": "eager", "PyTorch, Adam foreach": "foreach"}
CHECKED_UPDATES = 20
TURN_NS, MOST_STEPS = 2e7, 500


def parse(arguments, names):
    parser = argparse.ArgumentParser(prog="small_networks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--case", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--threads", nargs="+", type=interleaved.positive, default=sorted({1, cpus}), metavar="N",
                        help="one after the other (default: %(default)s)")
    parser.add_argument("--rounds", type=interleaved.positive, default=20, help="of turns (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what was found to FILE")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if too_many := [n for n in options.threads if n > cpus]:
        parser.error(f"--threads {too_many[0]}: there are {cpus} processors")
    return options


def commands(options):
    python = [sys.executable, COMPARISON / "competitor.py", CASES]
    return {OURS: [options.programs.absolute().parents[1] / "bin/comparison", "turns"],
            **{name: [*python, kind] for name, kind in PYTORCH.items()},
            JAX: [sys.executable, COMPARISON / "jax_competitor.py", CASES]}


def start(options, threads, stack, path):
    """The competitors that can do the problem."""
    starts = {name: functools.partial(interleaved.start, name, command, threads)
              for name, command in commands(options).items()}
    return interleaved.opened(starts, OURS, stack, path)


def check(competitors):
    """Their losses after so many updates, by name, and how many steps make a turn. Failed when they differ."""
    first = next(interleaved.play(competitors, rounds=1, warm=CHECKED_UPDATES, steps=1))
    values = {name: turn.values for name, turn in first.items()}
    if wrong := interleaved.disagreement(values):
        raise interleaved.Failed("they do not compute the same:\n" + wrong)
    shortest = min(min(turn.ns) for turn in first.values())
    return {name: own[-1] for name, own in values.items()}, int(min(MOST_STEPS, max(2, TURN_NS / shortest)))


def against(rows):
    """{"PyTorch": ratio, "JAX": ratio} of the shortest steps to luxtorch's, PyTorch's faster way; None for one that did
    not run."""
    theirs = [rows[name].ratio_of_minimums for name in PYTORCH if name in rows]
    return {"PyTorch": min(theirs, default=None), "JAX": rows[JAX].ratio_of_minimums if JAX in rows else None}


def run(options, entry, threads):
    import problem_file
    import torch

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path, words = problem_file.write(folder, entry, "adam", torch.float32, "cpu")
        print(f"\n{entry.name}, {threads} thread" + "s" * (threads > 1) + f": {words}", flush=True)
        competitors = start(options, threads, stack, path)
        losses, steps = check(competitors)
        print(f"after {CHECKED_UPDATES} updates: " + ", ".join(f"{name} {loss:.6f}" for name, loss in losses.items()))
        rounds = [{c.name: turns[c.name] for c in competitors}
                  for turns in interleaved.play(competitors, options.rounds, warm=3, steps=steps)]
        versions = {c.name: c.about for c in competitors}
    rows = interleaved.compare(rounds, OURS)
    print("\n" + "\n".join(table(rows)), flush=True)
    return {"case": entry.name, "words": words, "threads": threads, "losses": losses, "versions": versions, "steps": steps,
            "rows": {name: dataclasses.asdict(c) for name, c in rows.items()}, "against": against(rows)}


def table(rows):
    lines = [f"{'':22}    minimum     median   times as long as luxtorch",
             f"{'':22}         us         us   minima   rounds (10 % to 90 %)"]
    for name, c in rows.items():
        lines.append(f"{name:22} {1e3 * c.minimum:10.1f} {1e3 * c.median:10.1f}   {c.ratio_of_minimums:6.2f}   "
                     f"{c.ratio:.2f} ({c.ratio_low:.2f} to {c.ratio_high:.2f})")
    return lines


def summary(found):
    lines = [f"{'':22} threads   PyTorch     JAX   times as long as luxtorch, of the shortest steps"]
    for one in found:
        ratios = ["-" if r is None else f"{r:.2f}" for r in one["against"].values()]
        lines.append(f"{one['case']:22} {one['threads']:7} {ratios[0]:>9} {ratios[1]:>7}")
    return lines


def measure(options, entries):
    about = f"float32 on {limits.processor()}, load {os.getloadavg()[0]:.1f} at the start, {options.rounds} rounds"
    print(about)
    found = [run(options, entries[name], threads) for name in options.case for threads in options.threads]
    print("\n" + "\n".join(summary(found)))
    print("\nversions: " + "; ".join(sorted({version for one in found for version in one["versions"].values()})))
    return {"about": about, "cases": found}


def main(arguments):
    try:
        entries = case.load(CASES)
    except ImportError as error:
        print(f"small_networks: {error}", file=sys.stderr)
        return 1
    options = parse(arguments, [name for name in entries if name.startswith(GROUP)])
    try:
        found = measure(options, entries)
    except ImportError as error:
        print(f"small_networks: this Python has no PyTorch ({error}), which makes the problems", file=sys.stderr)
        return 1
    except interleaved.Failed as error:
        print(f"small_networks: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
