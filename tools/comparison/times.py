"""A case's times: luxtorch and the others in turns, each a process of its own."""

import contextlib
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

import interleaved
import problem_file
from values import PYTHON

HERE = Path(__file__).resolve().parent
OURS = "luxtorch"
TURN_NS = 20e6  # so long are a turn's steps together
MOST_STEPS, WARM = 50, 3


def commands(options, entry):
    """{name: command} of those that are asked for."""
    python = [sys.executable, HERE / "competitor.py", options.cases]
    all_ = {
        OURS: [options.program, "turns"],
        "PyTorch": [*python, "eager"],
        "torch.compile": [*python, "compiled"],
        PYTHON: [*python, "luxtorch"] if entry.recurrent else None,
        "JAX": [sys.executable, HERE / "jax_competitor.py", options.cases] if entry.jax else None,
    }
    asked = {OURS, "PyTorch", *options.against}
    return {name: command for name, command in all_.items() if name in asked and command}


def environment(options):
    """The same number of threads for OpenMP, MKL and, by the processors that it sees, XLA."""
    return {
        "OMP_NUM_THREADS": str(options.threads),
        "MKL_NUM_THREADS": str(options.threads),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no helpers that stay
        "JAX_PLATFORMS": "cpu" if options.device == "cpu" else "cuda",
        "PYTHONPATH": os.pathsep.join(filter(None, [*options.python_path, os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Times:
    """Plays one case. rows and skipped are as page.py wants them."""

    def __init__(self, options, entry):
        self.options, self.entry = options, entry
        self.rows, self.skipped, self.wrong = {}, {}, []

    def start(self, stack, path):
        """Those that can do training steps, each after its first one."""
        cpus, ready = sorted(os.sched_getaffinity(0))[: self.options.threads], []
        for name, command in commands(self.options, self.entry).items():
            began = time.perf_counter()
            try:
                competitor = stack.enter_context(interleaved.Competitor(
                    name, command, environment(self.options), cpus, patience=900))
                competitor.open(path)
            except interleaved.Skipped as reason:
                self.skipped[name] = str(reason)
                continue
            if competitor.threads != self.options.threads:
                self.skipped[name] = f"it uses {competitor.threads} threads, not {self.options.threads}"
                continue
            turn = competitor.take_turn(0, 1)
            self.rows[name] = {"first_step_s": time.perf_counter() - began, "about": competitor.about}
            ready.append((competitor, turn.values[0]))
        if OURS not in self.rows:
            raise interleaved.Failed(f"luxtorch cannot run: {self.skipped[OURS]}")
        return [competitor for competitor, _ in ready]

    def play(self, competitors, what):
        """Rounds of turns, after one that warms up and says how many steps make a turn."""
        warm = {c.name: c.take_turn(WARM, 3) for c in competitors}
        shortest = min(min(turn.ns) for turn in warm.values())
        steps = int(min(MOST_STEPS, max(1, TURN_NS / shortest)))
        rounds = list(interleaved.play(competitors, self.options.rounds, WARM, steps))
        values = {name: turn.values for name, turn in rounds[-1].items()}
        if not self.entry.random and (found := interleaved.disagreement(values, first=1e-4, last=1e-3)):
            self.wrong.append(f"the {what} that was timed is not the same: " + "; ".join(found.splitlines()))
        for name, c in interleaved.compare(rounds, OURS).items():
            found = dataclasses.asdict(c)
            self.rows[name][what] = {
                "minimum_ms": found["minimum"], "median_ms": found["median"], "cpu_ms": found["cpu"],
                "ratio": found["ratio"], "ratio_low": found["ratio_low"], "ratio_high": found["ratio_high"],
                "ratio_of_minimums": found["ratio_of_minimums"]}

    def run(self, optimiser, dtype):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            path, _ = problem_file.write(folder, self.entry, optimiser, getattr(torch, dtype), self.options.device)
            competitors = self.start(stack, path)
            self.play(competitors, "step")
            for competitor in competitors:
                self.rows[competitor.name]["peak_mb"] = competitor.memory()[0] / 1e6
            able = []
            for competitor in competitors:
                with contextlib.suppress(interleaved.Skipped):
                    competitor.open(path, "forward")
                    able.append(competitor)
            self.play(able, "forward")
        return {"dtype": dtype, "rows": self.rows, "skipped": self.skipped}
