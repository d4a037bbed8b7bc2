"""A case's times: luxtorch and the others in turns, each a process of its own."""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import interleaved
import problem_file
from page_rows import BASE, DOOR, REFERENCE

HERE = Path(__file__).resolve().parent
TURN_NS = 20e6  # so long are a turn's steps together
MOST_STEPS, WARM = 50, 3
CHECKED = 20  # the losses of these steps of a turn must agree: rounding alone may part later ones


def commands(options, entry):
    """{name: command} of those that are asked for."""
    python = [sys.executable, HERE / "competitor.py", options.cases]
    all_ = {
        BASE: [options.program, "turns"],
        REFERENCE: [*python, "eager"],
        "torch.compile": [*python, "compiled"],
        DOOR: [*python, "luxtorch"] if entry.recurrent else None,
        "JAX": [sys.executable, HERE / "jax_competitor.py", options.cases] if entry.jax else None,
    }
    asked = {BASE, REFERENCE, *options.against}
    return {name: command for name, command in all_.items() if name in asked and command}


def environment(options, cache):
    """The same number of threads for OpenMP, MKL and, by the processors that it sees, XLA; nothing that an
    earlier process has compiled."""
    return {
        "OMP_NUM_THREADS": str(options.threads),
        "MKL_NUM_THREADS": str(options.threads),
        "TORCHINDUCTOR_CACHE_DIR": str(cache),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no helpers that stay
        "JAX_PLATFORMS": "cpu" if options.device == "cpu" else "cuda",
        "PYTHONPATH": os.pathsep.join(filter(None, [*options.python_path, os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def compared(rounds):
    """{name: time} as page.py wants it: a turn is as long as its shortest step, which other programs disturb
    least; so are the ratios."""
    shortest = {name: [min(turns[name].ns) for turns in rounds] for name in rounds[0]}
    found = {}
    for name, own in shortest.items():
        ratios = [a / b for a, b in zip(own, shortest[BASE])]
        tenths = statistics.quantiles(ratios, n=10, method="inclusive") if len(ratios) > 1 else ratios
        found[name] = {
            "minimum_ms": min(own) / 1e6,
            "median_ms": statistics.median(t for turns in rounds for t in turns[name].ns) / 1e6,
            "cpu_ms": statistics.median(turns[name].cpu_ns / len(turns[name].ns) for turns in rounds) / 1e6,
            "ratio": min(own) / min(shortest[BASE]), "ratio_low": tenths[0], "ratio_high": tenths[-1]}
    return found


def fill_page_cache(options, rows):
    """Starts each competitor once, so that no case's first step waits for the disk. rows: (entry, optimiser)s."""
    every = {tuple(map(str, command)): None for entry, _ in rows for command in commands(options, entry).values()}
    with tempfile.TemporaryDirectory() as folder:
        for command in every:
            with contextlib.suppress(interleaved.Skipped, interleaved.Failed):
                interleaved.Competitor("", command, environment(options, folder)).close()


class Times:
    """Plays one case. rows, skipped and wrong hold what there is so far, also after an exception."""

    def __init__(self, options, entry, optimiser, dtype):
        self.options, self.entry, self.optimiser, self.dtype = options, entry, optimiser, dtype
        self.rows, self.skipped, self.wrong = {}, {}, []

    def found(self):
        return {"dtype": self.dtype, "rows": self.rows, "skipped": self.skipped}

    def leave_out(self, name, reason):
        self.skipped[name] = str(reason).strip()
        if name in (BASE, REFERENCE):
            self.wrong.append(f"{name} was not timed: {self.skipped[name]}")

    def start(self, stack, folder, path):
        """Those that can do training steps, each after its first one."""
        cpus, ready = sorted(os.sched_getaffinity(0))[: self.options.threads], []
        for name, command in commands(self.options, self.entry).items():
            began = time.perf_counter()
            try:
                competitor = stack.enter_context(interleaved.Competitor(
                    name, command, environment(self.options, folder / "compiled"), cpus, patience=900))
                competitor.open(path)
                competitor.take_turn(0, 1)
            except (interleaved.Skipped, interleaved.Failed) as reason:
                self.leave_out(name, reason)
                continue
            if competitor.threads != self.options.threads:
                self.leave_out(name, f"it uses {competitor.threads} threads, not {self.options.threads}")
                continue
            self.rows[name] = {"first_step_s": time.perf_counter() - began, "about": competitor.about}
            ready.append(competitor)
        return ready

    def play(self, competitors, what):
        """Rounds of turns, after one that warms up and says how many steps make a turn."""
        if BASE not in [c.name for c in competitors]:
            return
        warm = {c.name: c.take_turn(WARM, 3) for c in competitors}
        shortest = min(min(turn.ns) for turn in warm.values())
        steps = int(min(MOST_STEPS, max(1, TURN_NS / shortest)))
        rounds = list(interleaved.play(competitors, self.options.rounds, WARM, steps))
        values = {name: turn.values[:CHECKED] for name, turn in rounds[-1].items()}
        # Dropout and the like draw nothing in a forward pass, which is one of evaluation.
        if (what == "forward" or not self.entry.random) and (
                wrong := interleaved.disagreement(values, first=1e-4, last=1e-2)):
            self.wrong.append(f"the {what} that was timed is not the same: " + "; ".join(wrong.splitlines()))
        for name, found in compared(rounds).items():
            self.rows[name][what] = found

    def run(self):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            path, _ = problem_file.write(
                folder, self.entry, self.optimiser, getattr(torch, self.dtype), self.options.device)
            competitors = self.start(stack, folder, path)
            self.play(competitors, "step")
            if self.options.device == "cpu":  # elsewhere it is not the process's memory that counts
                for competitor in competitors:
                    self.rows[competitor.name]["peak_mb"] = competitor.memory()[0] / 1e6
            able = []
            for competitor in competitors:
                try:
                    competitor.open(path, "forward")
                    able.append(competitor)
                except interleaved.Skipped as reason:
                    self.leave_out(f"{competitor.name}, forward", reason)
            self.play(able, "forward")
