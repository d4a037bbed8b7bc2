"""Measures the products of Dense layers by shape: x w', g w and g' x, for each way to compute them, in turns.

    tools/run products                                  the issue's and a grid of shapes, on 1 thread and on all
    tools/run products --shape 256,512,512 --threads 1
    tools/run products --json FILE --picture FILE.svg

A shape is (m, k, n): x is (m, k), w is (n, k), and g, the gradient of the output, is (m, n). A way is a column
of products/columns.cpp; each is a process with so many threads on as many processors. All have the same
matrices, and their products must agree within 1e-5, or nothing is measured.

What is printed: operations in a nanosecond (GFLOP/s), 2 m k n for each of the three products, of the shortest
step, and the share of the limit, which tools/run limit measures, here between the turns; then which column is
fastest and how many times as long the slowest takes.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import interleaved  # noqa: E402
import limits  # noqa: E402
import scatter  # noqa: E402

WAYS = {"forward": "x w'", "input_gradient": "g w", "weight_gradient": "g' x"}
NAMED = ((1024, 1024, 1024), (1024, 128, 512), (256, 512, 512), (128, 784, 128), (32, 128, 512), (128, 24, 24))
GRID = tuple((m, k, n) for m in (8, 32, 128, 512) for k in (16, 64, 256, 1024) for n in (16, 64, 256, 1024))
STEP_NS, TURN_NS, MOST_STEPS = 2e4, 1e7, 200  # small products are repeated, so that a step is not the clock's


def parse(arguments):
    parser = argparse.ArgumentParser(prog="products", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def shape(text):
        found = tuple(map(interleaved.positive, text.split(",")))
        if len(found) != 3:
            raise argparse.ArgumentTypeError(f"expected M,K,N, got {text}")
        return found

    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--shape", nargs="+", type=shape, metavar="M,K,N",
                        help=f"(default: {len(NAMED)} shapes of usual models and a grid of {len(GRID)})")
    parser.add_argument("--way", nargs="+", choices=WAYS, default=list(WAYS), help="(default: all)")
    parser.add_argument("--threads", nargs="+", type=interleaved.positive, default=sorted({1, cpus}), metavar="N",
                        help="one after the other (default: %(default)s)")
    parser.add_argument("--rounds", type=interleaved.positive, default=5, help="of turns (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what was found to FILE")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draws the shares of the limit")
    parser.add_argument("--from", type=Path, dest="earlier", metavar="FILE",
                        help="draws --picture of what an earlier run wrote by --json, and measures nothing")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if too_many := [n for n in options.threads if n > cpus]:
        parser.error(f"--threads {too_many[0]}: there are {cpus} processors")
    if options.earlier and not options.picture:
        parser.error("--from: there is no --picture to draw")
    return options


def able(columns, words, missing):
    """Those that can compute the product; the others' reasons go to missing."""
    ready = []
    for column in columns:
        try:
            column.open(words, "forward")
            ready.append(column)
        except interleaved.Skipped as reason:
            missing[column.name] = str(reason)
    return ready


def measure(columns, rounds):
    """{name: the shortest step in ns}. Failed when the products differ."""
    first = {c.name: c.take_turn(1, 2) for c in columns}
    if wrong := interleaved.disagreement({name: turn.values for name, turn in first.items()}, last=1e-5):
        raise interleaved.Failed("they do not compute the same:\n" + wrong)
    steps = math.ceil(TURN_NS / max(min(turn.ns) for turn in first.values()))
    played = interleaved.play(columns, rounds, warm=2, steps=min(max(steps, 2), MOST_STEPS))
    shortest = {name: min(turn.ns) for name, turn in first.items()}
    for turns in played:
        for name, turn in turns.items():
            shortest[name] = min(shortest[name], *turn.ns)
    return shortest


def run(options, threads, missing):
    """[{m, k, n, way, gflops: {column: number}}] and the limit, on so many threads."""
    limit = limits.Limit(options.programs.absolute().parents[1] / "bin/limit", threads)
    program = options.programs / "column"
    rows = []
    with contextlib.ExitStack() as stack:
        names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
        columns = [stack.enter_context(interleaved.start(name, [program, name], threads)) for name in names]
        for m, k, n in options.shape or dict.fromkeys(NAMED + GRID):
            operations = 2 * m * k * n
            repeats = math.ceil(STEP_NS * (limit.rate or 50 * threads) / operations)
            for way in options.way:
                ready = able(columns, f"{m},{k},{n},{way},{repeats}", missing)
                if not ready:
                    raise interleaved.Failed("none of the columns can run: " + "; ".join(missing.values()))
                gflops = {name: operations * repeats / ns for name, ns in measure(ready, options.rounds).items()}
                for name, rate in gflops.items():
                    limit.saw(rate, f"{name}, {WAYS[way]} of ({m}, {k}, {n})")
                rows.append({"m": m, "k": k, "n": n, "way": way, "gflops": gflops})
            limit.measure()
    for row in rows:
        operations = 2 * row["m"] * row["k"] * row["n"]
        row["share"] = {name: limit.share(operations, operations / rate) for name, rate in row["gflops"].items()}
    return names, rows, limit


def table(names, rows):
    widths = {name: max(len(name), 12) for name in names}
    lines = [f"{'m':>5} {'k':>5} {'n':>5}  {'':5}" + "".join(f"  {name:>{w}}" for name, w in widths.items()) + "  fastest"]
    for row in rows:
        cells = []
        for name, width in widths.items():
            share = limits.percent(row["share"].get(name))
            cells.append((f"{row['gflops'][name]:.1f} {share:>6}" if name in row["gflops"] else "-").rjust(width))
        best = max(row["gflops"], key=row["gflops"].get)
        times = row["gflops"][best] / min(row["gflops"].values())
        lines.append(f"{row['m']:5} {row['k']:5} {row['n']:5}  {WAYS[row['way']]:5}  {'  '.join(cells)}  {best}"
                     + (f", {times:.2f}" if len(row["gflops"]) > 1 else ""))
    return lines


def measure_all(options):
    found = {"about": f"float32 on {limits.processor()}, load {os.getloadavg()[0]:.1f} at the start", "runs": []}
    print(found["about"])
    missing = {}
    for threads in options.threads:
        names, rows, limit = run(options, threads, missing)
        print(f"\n{threads} thread" + "s" * (threads > 1) + f"; {limit.words()}; GFLOP/s and its share")
        for name, reason in missing.items():
            print(f"skipped: {name}: {reason}")
        print("\n" + "\n".join(table(names, rows)), flush=True)
        found["runs"].append({"threads": threads, "limit_gflops": limit.rate, "vectors": limit.vectors,
                              "columns": names, "missing": missing, "rows": rows})
    return found


def main(arguments):
    options = parse(arguments)
    try:
        found = json.loads(options.earlier.read_text()) if options.earlier else measure_all(options)
    except (interleaved.Failed, interleaved.Skipped) as error:
        print(f"products: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found) + "\n")
    if options.picture:
        options.picture.write_text(scatter.draw(found, WAYS))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
