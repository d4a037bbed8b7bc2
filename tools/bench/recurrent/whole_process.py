"""The tasks that look at processes from outside: first (how soon a step is done), memory, soak."""

import statistics
import tempfile
import time
from pathlib import Path

import interleaved
import problem
from competitors import OUR_LOOP, OURS, chosen, start_one, words

FIRST = ("luxtorch_recurrence", "libtorch_module", "pytorch_module", "jax_scan")
FIRST_STARTS = 5
LONG = problem.plain("lstm", batch=32, time=10_000, hidden=64)
SOAK_STEPS, SOAK_NOTED = 20_000, 1_000


class Outside:
    """A problem's file, and competitors that each live for one visit."""

    def __init__(self, options, names, shape):
        self.options, self.names, self.shape = options, chosen(options, names), shape

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "problem"
        problem.write(self.file, self.shape)
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def visits(self, visit):
        """{name: visit(competitor)} of those that can run; the others leave names, with their reason."""
        found = {}
        for name in list(self.names):
            try:
                with start_one(self.options, name) as competitor:
                    competitor.open(self.file)
                    found[name] = visit(competitor)
            except interleaved.Skipped as reason:
                print(f"skipped: {name}: {reason}")
                self.names.remove(name)
        if OURS not in found:
            raise interleaved.Failed(f"{OURS} cannot run, and the others would be compared with it")
        return found


def first(options):
    print(f"\nfirst: from a process's start to the end of its first training step, spiral; the median of {FIRST_STARTS} "
          "starts, in turns, after one that fills the page cache")
    seconds = {}
    with Outside(options, FIRST, problem.spiral(options.cell)) as outside:
        for start in range(1 + FIRST_STARTS):
            for name in list(outside.names):
                began = time.perf_counter()
                try:
                    with start_one(options, name) as competitor:
                        competitor.open(outside.file)
                        competitor.take_turn(0, 1)
                        took = time.perf_counter() - began
                except interleaved.Skipped as reason:
                    print(f"skipped: {name}: {reason}")
                    outside.names.remove(name)
                    continue
                if start:
                    seconds.setdefault(name, []).append(took)
    if OURS not in seconds:
        raise interleaved.Failed(f"{OURS} cannot run, and the others would be compared with it")
    ours = statistics.median(seconds[OURS])
    rows = {name: {"median": statistics.median(all_), "minimum": min(all_), "seconds": all_,
                   "ratio": statistics.median(all_) / ours} for name, all_ in seconds.items()}
    print(f"\n{'':34}  median s  minimum s   times as long")
    for name, row in rows.items():
        print(f"{words(name, options.cell):34} {row['median']:9.2f} {row['minimum']:10.2f} {row['ratio']:15.2f}")
    return {"rows": rows}


def memory(options):
    s = LONG
    print(f"\nmemory: one training step of an LSTM, batch {s.batch}, time {s.time}, in {s.inputs}, hidden {s.hidden}; "
          "the most resident memory of a fresh process")

    def visit(competitor):
        before = competitor.memory()[1]
        turn = competitor.take_turn(0, 1)
        return {"before": before, "peak": competitor.memory()[0], "value": turn.values[0], "ms": turn.ns[0] / 1e6}

    with Outside(options, ("luxtorch_recurrence", "pytorch_module"), s) as outside:
        rows = outside.visits(visit)
    if wrong := interleaved.disagreement({name: [row["value"]] for name, row in rows.items()}, 1e-4, 1e-4):
        raise interleaved.Failed("they do not compute the same:\n" + wrong)
    print(f"\n{'':34}  before MB  peak MB  added MB   peak by ours   the step ms")
    for name, row in rows.items():
        row["ratio"] = row["peak"] / rows[OURS]["peak"]
        print(f"{words(name):34} {row['before'] / 1e6:10.0f} {row['peak'] / 1e6:8.0f} "
              f"{(row['peak'] - row['before']) / 1e6:9.0f} {row['ratio']:14.2f} {row['ms']:13.0f}")
    return {"rows": rows}


def soak(options):
    print(f"\nsoak: {SOAK_STEPS} training steps, spiral; resident memory after {SOAK_NOTED} and at the end")

    def visit(competitor):
        competitor.take_turn(0, SOAK_NOTED)
        resident = [competitor.memory()[1]]
        for _ in range(SOAK_STEPS // SOAK_NOTED - 1):
            competitor.take_more(SOAK_NOTED)
            resident.append(competitor.memory()[1])
        return {"resident": resident}

    with Outside(options, (OURS, OUR_LOOP), problem.spiral(options.cell)) as outside:
        rows = outside.visits(visit)
    print(f"\n{'':40}  after {SOAK_NOTED} MB  most MB  at the end MB    growth MB")
    for name, row in rows.items():
        begin, *_, end = row["resident"]
        print(f"{words(name, options.cell):40} {begin / 1e6:14.2f} {max(row['resident']) / 1e6:8.2f} {end / 1e6:14.2f} "
              f"{(end - begin) / 1e6:+12.2f}")
    return {"rows": rows}
