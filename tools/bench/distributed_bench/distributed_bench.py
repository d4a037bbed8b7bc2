"""Measures training on several processes of this machine, and predicts it for up to 1,024.

    tools/run distributed_bench                          two processes; some minutes
    tools/run distributed_bench --rounds 5 --models spiral --json FILE --picture FILE.svg
    tools/run distributed_bench --from FILE --picture FILE.svg      draws what an earlier run wrote

    start-up   from init to the end of the first barrier
    messages   sums of 4 bytes to 64 MiB: the shortest and the median time, bytes per second
    steps      what a group adds to a training step, beside PyTorch's DistributedDataParallel (Gloo, fused Adam):
               spiral, an LSTM of 393 parameters, 64 rows a process; large, two LSTM layers of 1024, 13.1 million
               parameters, 4 rows a process, time 8
    predicted  steps of 2 to 1,024 processes on this machine's loopback and on some networks: by the cost model of
               cost.py, fitted to the step's messages, with the computing time measured here

All kinds take turns, in a new order each round. The two sides train on the same rows from the same parameters, and
the run aborts where their losses disagree. Each process has as many threads as there are processors for it.
"""

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "recurrent")]

import cost  # noqa: E402
import curves  # noqa: E402
import interleaved  # noqa: E402
import measure  # noqa: E402
import team  # noqa: E402

NAMES = {"luxtorch": "luxtorch, TrainState with a group", "pytorch": "PyTorch, DistributedDataParallel"}
MODELS = {"spiral": "LSTM of 8 units", "large": "two LSTM layers"}
BARS = {"spiral": 0.3, "large": 60}  # milliseconds that a group of two may add to a step


def parse(arguments):
    parser = argparse.ArgumentParser(prog="distributed_bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    def at_least(least):
        def number(text):
            if (value := int(text)) < least:
                raise argparse.ArgumentTypeError(f"{value} is not at least {least}")
            return value
        return number

    positive = at_least(1)
    parser.add_argument("--processes", type=at_least(2), default=2, help="(default: %(default)s)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL",
                        help=", ".join(MODELS) + " (default: both)")
    parser.add_argument("--case", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME",
                        help="luxtorch, always among them, and pytorch (default: both)")
    parser.add_argument("--rounds", type=positive, default=20, help="of the steps (default: %(default)s)")
    parser.add_argument("--steps", type=positive, help="in a turn (default: spiral 50, large 3)")
    parser.add_argument("--hidden", type=positive, default=1024, help="units of large (default: %(default)s)")
    parser.add_argument("--starts", type=positive, default=3, help="of the processes (default: %(default)s)")
    parser.add_argument("--messages", type=positive, default=50, help="in a turn, fewer above 1 MiB (default: %(default)s)")
    parser.add_argument("--message-rounds", type=positive, default=5, help="(default: %(default)s)")
    parser.add_argument("--most-bytes", type=at_least(64), default=64 << 20,
                        help="of a message (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what was found to FILE")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draws the predicted steps")
    parser.add_argument("--from", type=Path, dest="earlier", metavar="FILE",
                        help="draws --picture of what an earlier run wrote by --json, and measures nothing")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.earlier and not options.picture:
        parser.error("--from: there is no --picture to draw")
    return options


def able(options):
    """Those of --case that can run; the others are named with their reason."""
    found = []
    for name in NAMES:
        if name != "luxtorch" and name not in options.case:
            continue
        try:
            team.start(name, options).close()
            found.append(name)
        except interleaved.Skipped as reason:
            if name == "luxtorch":
                raise
            print(f"skipped: {name}: {reason}")
    return found


def show_messages(found, processes, network, deviation):
    print(f"\nmessages, {processes} processes: the shortest and the median in microseconds, and GB/s of the shortest")
    kinds = list(found)
    print(" " * 10 + "".join(f"{measure.KINDS[kind][2]:>34}" for kind in kinds))
    for size in found["step"]:
        cells = []
        for kind in kinds:
            best, median = found[kind][size]
            cells.append(f"{best * 1e6:12.0f} {median * 1e6:12.0f} {size / best / 1e9:8.3f}")
        print(f"{size:10}" + "".join(f"{cell:>34}" for cell in cells))
    print(f"cost of a step's message: a = {network.latency * 1e6:.0f} us, B = {network.bandwidth / 1e9:.2f} GB/s; "
          f"the shortest times differ from it by at most {deviation:.0%}")


def show_steps(name, found, options):
    """Prints a model's table, and whether it keeps to its bars; the overheads of each side."""
    print(f"\nsteps, {name}: {MODELS[name]}, {found['parameters']:,} parameters; milliseconds")
    print(f"{'':34}{'plain':>20}{'with the group':>22}{'added':>20}")
    print(f"{'':34}{'shortest':>10}{'median':>10}" + f"{'shortest':>12}{'median':>10}" + f"{'shortest':>10}{'median':>10}")
    added = {}
    for who in dict.fromkeys(who for who, _ in found["rows"]):
        plain, group = found["rows"][who, "plain"], found["rows"][who, "group"]
        added[who] = measure.overhead(found["rows"], who)
        numbers = (plain["best"], plain["median"], group["best"], group["median"], added[who]["best"], added[who]["median"])
        print(f"{NAMES[who]:34}" + "".join(f"{1e3 * n:{width}.3f}" for n, width in zip(numbers, (10, 10, 12, 10, 10, 10))))
    own = 1e3 * added["luxtorch"]["best"]
    if options.processes == 2 and (name != "large" or options.hidden == 1024):
        print(f"bar: at most {BARS[name]} ms more for the shortest step: {own:.3f} ms, "
              f"{'met' if own <= BARS[name] else 'NOT MET'}")
    if "pytorch" in added:
        theirs = 1e3 * added["pytorch"]["best"]
        print(f"bar: no more than DistributedDataParallel in this run: {own:.3f} and {theirs:.3f} ms, "
              f"{'met' if own <= theirs else 'NOT MET'}")
    return added


def show_predictions(name, found):
    print(f"\npredicted steps, {name}: milliseconds by processes, each with as many rows as here; * by a tree")
    processes = [row["processes"] for row in next(iter(found.values()))]
    print(f"{'':22}" + "".join(f"{p:>10}" for p in processes))
    for network, rows in found.items():
        print(f"{network:22}" + "".join(f"{1e3 * r['step']:9.3g}{'*' if r['tree'] < r['ring'] else ' '}" for r in rows))


def measured(options):
    cpus = len(os.sched_getaffinity(0))
    about = (f"float32, {options.processes} processes on {cpus} processors, load {os.getloadavg()[0]:.1f} at the start, "
             f"{options.rounds} rounds")
    print(about)
    names = able(options)
    starts = measure.startup(options, names)
    print("\nstart-up, from init to the end of the first barrier: " +
          ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in starts.items()))
    found = {"about": about, "processes": options.processes, "startup": starts, "models": {}}
    with contextlib.ExitStack() as stack:
        teams = {name: stack.enter_context(team.start(name, options)) for name in names}
        for one in teams.values():
            one.ask("join")
        messages = measure.messages(options, teams)
        network, deviation = cost.fit(options.processes, {size: best for size, (best, _) in messages["step"].items()})
        show_messages(messages, options.processes, network, deviation)
        found["messages"] = messages
        found["cost"] = {"latency": network.latency, "bandwidth": network.bandwidth, "deviation": deviation}
        shapes = measure.shapes(options)
        for name in options.models:
            steps = measure.steps(options, teams, name, shapes[name])
            added = show_steps(name, steps, options)
            # What the group adds beside the message, such as packing, belongs to the computing.
            message = network.ring(options.processes, 4 * steps["parameters"] + cost.MESSAGE_EXTRA)
            rows = steps["rows"]
            compute = max(rows["luxtorch", "plain"]["best"], rows["luxtorch", "group"]["best"] - message)
            predicted = {n.name: cost.predict(n, steps["parameters"], compute) for n in (network, *cost.NETWORKS)}
            show_predictions(name, predicted)
            found["models"][name] = {
                "parameters": steps["parameters"], "losses": steps["losses"], "compute": compute, "added": added,
                "steps": {f"{who} {kind}": row for (who, kind), row in rows.items()}, "predicted": predicted}
        print("\nversions: " + "; ".join(one.about for one in teams.values()))
    return found


def main(arguments):
    options = parse(arguments)
    try:
        found = json.loads(options.earlier.read_text()) if options.earlier else measured(options)
    except (interleaved.Failed, interleaved.Skipped) as error:
        print(f"distributed_bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.picture:
        options.picture.write_text(curves.draw(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
