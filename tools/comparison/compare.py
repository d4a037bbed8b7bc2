"""Compares luxtorch with Python PyTorch, value by value and millisecond by millisecond.

    tools/compare                                       all cases
    tools/compare --case models                         a group; also char_lstm, 'layers/*', 'models/char_lstm adam'
    tools/compare --case spiral --against torch.compile JAX --dtype float32
    tools/compare --cases FOLDER                        your own cases: one C++ file and one Python file each

Each case is a model, a loss, an optimiser and data. Both sides start from the same parameters and see the
same batches in the same order; every hyper-parameter is stated on both. Values: the output, the gradients
of all parameters and of the input, the losses of --steps training steps; a difference is max |a - b| / max
|b|, b PyTorch's. Times: forward passes and training steps, each competitor a process with --threads
threads on as many processors, all in turns; a ratio is how many times as long as luxtorch the other takes,
of the shortest steps.

A value beyond its tolerance makes the exit status 1 and is named. Besides the table, everything goes to a
JSON file and to a page for a browser, which nothing else is needed for.
"""

import argparse
import contextlib
import datetime
import fnmatch
import json
import math
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

# Read once, when OpenMP is loaded: here threads that wait for work sleep, or a busy machine would take many
# times as long. The competitors' wait as they always do.
waiting = os.environ.get("OMP_WAIT_POLICY")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
import torch  # noqa: E402

if waiting is None:
    del os.environ["OMP_WAIT_POLICY"]

import case  # noqa: E402
import interleaved  # noqa: E402
import limits  # noqa: E402
import page  # noqa: E402
import table  # noqa: E402
import times  # noqa: E402
import values  # noqa: E402
from page_rows import BASE, DOOR, REFERENCE  # noqa: E402

OTHERS = ("torch.compile", DOOR, "JAX")
REPORT_AFTER = 10  # seconds


def parse(arguments):
    parser = argparse.ArgumentParser(prog="tools/compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)

    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--case", nargs="+", default=[], metavar="NAME",
                        help="some cases: a part of the name, or a pattern with *; the name is GROUP/NAME OPTIMISER")
    parser.add_argument("--list", action="store_true", help="names the cases and ends")
    parser.add_argument("--threads", type=interleaved.positive, default=cpus,
                        help="for each competitor, which may use as many processors (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--dtype", nargs="+", choices=("float64", "float32"), default=["float64", "float32"],
                        help="of the values compared, float64 first; times are float32's unless only float64 is asked for")
    parser.add_argument("--against", nargs="*", choices=OTHERS, default=list(OTHERS), metavar="NAME",
                        help="whose times are measured besides PyTorch's: " + ", ".join(OTHERS) + " (default: all)")
    parser.add_argument("--values-only", action="store_true", help="measures no times")
    parser.add_argument("--no-loops", action="store_true",
                        help="leaves out how far PyTorch's recurrent layers drift from loops over PyTorch's cells")
    parser.add_argument("--steps", type=interleaved.positive, default=200, help="of training, compared (default: %(default)s)")
    parser.add_argument("--rounds", type=interleaved.positive, default=10, help="of turns, timed (default: %(default)s)")
    parser.add_argument("--cases", type=Path, default=HERE / "cases", metavar="FOLDER",
                        help="where the cases are (default: those of luxtorch)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="(default: build/comparison/comparison.json)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="(default: build/comparison/comparison.html)")
    parser.add_argument("--program", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--python-path", action="append", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.threads > cpus:
        parser.error(f"--threads {options.threads}: there are {cpus} processors")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", options.device):
        parser.error(f"--device {options.device}: expected cpu, cuda or cuda:N")
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {options.device}: PyTorch finds no GPU here")
    if not options.cases.is_dir():
        parser.error(f"--cases {options.cases}: there is no such folder")
    folder = HERE.parents[1] / "build" / "comparison"
    options.json = options.json or folder / "comparison.json"
    options.page = options.page or folder / "comparison.html"
    options.cases = options.cases.resolve()
    options.dtype.sort(reverse=True)
    return options


def chosen(entries, patterns):
    """([(entry, optimiser)], [patterns that no name has]). A pattern is a name and optimiser, or is in the
    name, or matches it."""
    every = {f"{e.name} {o}": (e, o) for e in entries.values() for o in e.optimisers}

    def those_of(pattern):
        if pattern in every:
            return {pattern}
        return {name for name in every
                if pattern in name or fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.split()[0], pattern)}

    found = {pattern: those_of(pattern) for pattern in patterns}
    wanted = set(every) if not patterns else set().union(*found.values())
    return [row for name, row in every.items() if name in wanted], [p for p in patterns if not found[p]]


def luxtorch_nn(options):
    """luxtorch's modules for Python, or nothing where the package cannot be imported, which is said."""
    sys.path[:0] = options.python_path
    try:
        import luxtorch.nn
    except ImportError as error:
        print(f"{DOOR} is left out: {error}")
        return {}
    return {name: getattr(luxtorch.nn, name) for name in ("LSTM", "GRU", "RNN")}


def run(options, entry, optimiser, entries):
    found = {"name": entry.name, "optimiser": optimiser, "words": "", "wrong": [], "random": entry.random,
             "recurrent": entry.recurrent, "values": {}, "times": None}
    try:
        for dtype in options.dtype:
            found["words"], found["values"][dtype], wrong = values.compare(options, entry, optimiser, dtype, entries)
            found["wrong"] += wrong
    except Exception as error:  # the others are compared all the same
        found["wrong"].append(f"{type(error).__name__}: {error}")
        return found
    if not options.values_only:
        options.luxtorch.close()  # nothing else runs beside those that are measured
        measured = times.Times(options, entry, optimiser, options.dtype[-1])
        try:
            measured.run()
        except Exception as error:
            measured.wrong.append(f"{type(error).__name__}: {error}")
        found["times"] = measured.found()
        found["wrong"] += measured.wrong
    return found


def about_program(options):
    """(luxtorch's version, LibTorch's)"""
    return subprocess.run([options.program, "about"], capture_output=True, text=True, check=True).stdout.split()


def about(options, cases):
    own, libtorch = options.versions
    versions = {BASE: own, "LibTorch": libtorch, REFERENCE: torch.__version__}
    for found in cases:
        for name, row in ((found["times"] or {}).get("rows") or {}).items():
            if name == "JAX":
                versions[name] = row["about"].split()[-1]
    return {"date": datetime.date.today().isoformat(), "command": options.command,
            "processor": limits.processor() if options.device == "cpu" else torch.cuda.get_device_name(options.device),
            "threads": options.threads, "processors": os.cpu_count(), "device": options.device,
            "load": options.load, "rounds": options.rounds, "steps": options.steps, "versions": versions}


def known_cases(options):
    listed = subprocess.run([options.program, "list"], capture_output=True, text=True)
    if listed.returncode:
        sys.exit(f"{options.program} ended with status {listed.returncode}: {listed.stderr.strip()}")
    return set(listed.stdout.split())


def as_json(part):
    """JSON has no infinity and no NaN: null."""
    if isinstance(part, dict):
        return {name: as_json(value) for name, value in part.items()}
    if isinstance(part, list):
        return [as_json(value) for value in part]
    return None if isinstance(part, float) and not math.isfinite(part) else part


def write(path, text):
    """At once and whole: an earlier file stays until then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def report(options, cases):
    """Writes what there is so far."""
    found = {"about": about(options, cases), "cases": cases}
    write(options.json, json.dumps(as_json(found), indent=1, allow_nan=False))
    write(options.page, page.document(found))
    return found


def compare_all(options, rows, entries):
    """What is found of all (entry, optimiser)s, written so often that an interruption loses the cases of some seconds."""
    cases, reported = [], -math.inf
    for number, (entry, optimiser) in enumerate(rows, 1):
        cases.append(run(options, entry, optimiser, entries))
        if number == len(rows) or time.monotonic() - reported > REPORT_AFTER:
            found, reported = report(options, cases), time.monotonic()
        says = "differs" if cases[-1]["wrong"] else "is random: timed only" if entry.random else "agrees"
        print(f"[{number}/{len(rows)}] {entry.name} {optimiser}: {says}", flush=True)
    return found


def main(arguments):
    options = parse(arguments)
    options.command, options.load = shlex.join(["tools/compare", *words_of(arguments)]), os.getloadavg()[0]
    try:
        entries = case.load(options.cases)
    except (ImportError, ValueError) as error:
        sys.exit(str(error))
    if one_sided := known_cases(options).symmetric_difference(entries):
        sys.exit("these cases are not written on both sides: " + ", ".join(
            f"{name} ({'no C++ file' if name in entries else 'no Python function'})" for name in sorted(one_sided)))
    rows, unknown = chosen(entries, options.case)
    if unknown:
        print(f"no case is called {' or '.join(unknown)}; there are:", file=sys.stderr)
        rows = chosen(entries, [])[0]
    if options.list or unknown:
        for entry, optimiser in rows:
            print(entry.name, optimiser)
        return 2 if unknown else 0
    options.versions = about_program(options)
    libtorch = options.versions[1]
    if libtorch.split("+")[0] != torch.__version__.split("+")[0]:
        print(f"luxtorch runs on LibTorch {libtorch}, Python on PyTorch {torch.__version__}: other kernels, maybe "
              "other values")
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    options.luxtorch_nn = luxtorch_nn(options)
    if not options.values_only:
        times.fill_page_cache(options, rows)
    with contextlib.closing(values.Luxtorch(options.program, options.threads)) as options.luxtorch:
        found = compare_all(options, rows, entries)
    print("\n" + table.text(found))
    print(f"\n{options.page}\n{options.json}")
    if options.luxtorch.status:
        print(f"{options.program} ended with status {options.luxtorch.status}", file=sys.stderr)
    return 1 if options.luxtorch.status or any(one["wrong"] for one in found["cases"]) else 0


def words_of(arguments):
    """Without what tools/compare added."""
    hidden = ("--program", "--python-path")
    return [word for i, word in enumerate(arguments) if word not in hidden and (not i or arguments[i - 1] not in hidden)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
