"""Measures recurrent models: luxtorch, LibTorch, PyTorch, torch.compile and JAX in turns.

    tools/run recurrent                                spiral, char and first
    tools/run recurrent --task grid --cells lstm,h128  a part of the grid; all of it takes some 15 minutes
    tools/run recurrent --task spiral char grid first memory --json FILE --picture FILE.svg

    spiral    a training step of the tutorial's model, whole sequences and loops over a cell
    char      a training step of two layers over text, symbol by symbol
    grid      RNN, LSTM and GRU by hidden size, time and batch, forward and training step, against PyTorch
    first     from a process's start to the end of its first training step
    memory    the most memory of a step over a long sequence, and whether 20,000 steps leave some behind

Each competitor is a process with --threads threads on as many processors. All read one file with the data
and the first parameters, and their losses must agree, the first one within 1e-5, the one after twenty
updates within 1e-4, or nothing is measured.

What is printed of a step: the shortest, the median, the processor time (of all threads; other programs
disturb it less), the share of the limit (the time of the matrix products alone at the most multiply-adds
that the processor does, which tools/run limit measures, here between the turns, by the shortest step),
and how many times as long as ours it took: of the shortest steps, and the median over the rounds, each
round's turns compared with each other, with its 10th and 90th percentile.
"""

import argparse
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import grid  # noqa: E402
import interleaved  # noqa: E402
import limits  # noqa: E402
import picture  # noqa: E402
import problem  # noqa: E402
import steps  # noqa: E402
import whole_process  # noqa: E402
from competitors import CASES, OURS  # noqa: E402

TASKS = ("spiral", "char", "grid", "first", "memory")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="recurrent", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def cells(text):
        try:
            if not grid.choose(text):
                raise argparse.ArgumentTypeError("no cell of the grid is all of that")
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--task", nargs="+", choices=TASKS, default=["spiral", "char", "first"], metavar="TASK",
                        help=", ".join(TASKS) + " (default: spiral char first)")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES), metavar="NAME",
                        help=f"competitors, {OURS} always among them: " + ", ".join(CASES))
    parser.add_argument("--threads", type=interleaved.positive, default=cpus,
                        help="for each competitor, which may use as many processors (default: %(default)s)")
    parser.add_argument("--rounds", type=interleaved.positive, default=30, help="of spiral and char (default: %(default)s)")
    parser.add_argument("--steps", type=interleaved.positive, help="in a turn (default: spiral 20, char 5)")
    parser.add_argument("--warm", type=interleaved.positive, default=3,
                        help="steps of a turn that are not timed (default: %(default)s)")
    parser.add_argument("--cell", choices=problem.CELLS, default="lstm", help="of all tasks but grid and memory")
    for name, size in (("batch", 128), ("time", 50), ("hidden", 8)):
        parser.add_argument(f"--{name}", type=interleaved.positive, default=size, help="of spiral (default: %(default)s)")
    parser.add_argument("--cells", type=cells, default="", metavar="FILTER",
                        help="a part of the grid, such as lstm,h128,b32 or rnn,gru,t200,forward")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what was found to FILE")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draws the ratios")
    parser.add_argument("--from", type=Path, nargs="+", dest="earlier", metavar="FILE",
                        help="draws --picture of what earlier runs wrote by --json, and measures nothing")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.threads > cpus:
        parser.error(f"--threads {options.threads}: there are {cpus} processors")
    if options.earlier and not options.picture:
        parser.error("--from: there is no --picture to draw")
    return options


def describe(options, limit):
    count = f"{options.threads} thread" + "s" * (options.threads > 1)
    vectors = f" with {limit.vectors}" if limit and limit.vectors else ""
    return [f"float32, {count} on {limits.processor()}{vectors}, load {os.getloadavg()[0]:.1f} at the start",
            f"spiral and char: {options.rounds} rounds, in a new order each"]


def measure(options):
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        raise interleaved.Failed(f"this Python has no numpy ({error}), which makes the problems") from error
    limit = None
    if {"spiral", "char", "grid"} & set(options.task):
        limit = limits.Limit(options.programs.absolute().parents[1] / "bin/limit", options.threads)
    about = describe(options, limit)
    print("\n".join(about))
    found = {"about": about, "threads": options.threads, "tasks": {}}
    for task in options.task:
        if task in steps.TASKS:
            found["tasks"][task] = steps.run(options, task, limit)
        elif task == "grid":
            found["tasks"][task] = grid.run(options, limit)
        elif task == "first":
            found["tasks"][task] = whole_process.first(options)
        else:
            found["tasks"][task] = whole_process.memory(options)
            found["tasks"]["soak"] = whole_process.soak(options)
    found["gflops"] = limit and limit.rate
    versions = {version for task in found["tasks"].values() for version in task.get("versions", {}).values()}
    if versions:
        print("\nversions: " + "; ".join(sorted(versions)))
    return found


def joined(files):
    """What several runs found, as one; a later one's task wins."""
    found = [json.loads(file.read_text()) for file in files]
    return {**found[-1], "tasks": {name: task for one in found for name, task in one["tasks"].items()}}


def main(arguments):
    options = parse(arguments)
    try:
        found = joined(options.earlier) if options.earlier else measure(options)
    except (interleaved.Failed, interleaved.Skipped) as error:
        print(f"recurrent: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found) + "\n")
    if options.picture:
        options.picture.write_text(picture.draw(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
