"""A case's values: luxtorch's, and luxtorch.nn's in Python, against PyTorch's."""

import math
import os
import tempfile
from pathlib import Path

import torch

import cells
import interleaved
import problem_file
import results
from page_rows import BASE, DOOR, REFERENCE

TOLERANCES = {"float64": 1e-10, "float32": 2e-5}  # of outputs and gradients
FIRST, FIRST_TOLERANCES = 20, {"float64": 1e-10, "float32": 1e-3}  # steps whose losses must agree
PATIENCE = 900  # seconds


class Wrong(Exception):
    """luxtorch could not compute it."""


class Luxtorch:
    """luxtorch's program, started for the first case and again after one that ended it."""

    def __init__(self, program, threads):
        self.command = [program, "results"]
        self.environment = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"),
                            "OMP_NUM_THREADS": str(threads)}
        self.process = None
        self.status = 0  # how it ended, of all its starts the first that was not well

    def results(self, path, steps):
        """What it computes for the problem's file. Wrong, with its last words, if it cannot."""
        try:
            self.process = self.process or interleaved.Competitor(BASE, self.command, self.environment, patience=PATIENCE)
            out = self.process.ask(f"{steps} {path}").get("results")
            if not out:
                raise interleaved.Failed("it answered without results")
        except (interleaved.Skipped, interleaved.Failed) as reason:
            self.close()
            raise Wrong(str(reason).strip()) from None
        return results.from_luxtorch(out)

    def close(self):
        if self.process:
            self.process.close()
            self.status = self.status or self.process.process.returncode
        self.process = None


def own_way(path, entries, steps):
    """The losses by loops over cells, None where there is no such way."""
    nn = problem_file.replaced(LSTM=cells.LSTM, GRU=cells.GRU, RNN=cells.RNN)
    try:
        return results.results(problem_file.Problem(path, entries, nn), steps)["losses"]
    except NotImplementedError:
        return None


def compare_losses(ours, theirs, entry, dtype, own):
    apart = results.apart(ours, theirs)
    found = {
        "first": {"steps": min(FIRST, len(apart)), "difference": max(results.apart(ours[:FIRST], theirs[:FIRST])),
                  "tolerance": FIRST_TOLERANCES[dtype]},
        "all": {"steps": len(apart), "difference": max(apart),
                "tolerance": entry.all_steps if dtype == "float64" else None,
                "leaves": results.leaves(apart, dtype), "limit": results.LEFT[dtype]},
        "own": None,
    }
    if own:
        drift = results.apart(own, theirs)
        found["own"] = {"words": "torch.nn's recurrent layer against a loop over its cells",
                        "difference": max(drift), "leaves": results.leaves(drift, dtype)}
    return found


def sentences(dtype, found, ours, theirs, who=BASE):
    """What is too far apart, what differs first in front. ours and theirs are the losses."""
    limit = found["tolerance"]
    for part, words in (("outputs", "output"), ("gradients", "gradient of")):
        for name, difference in found[part].items():
            if not difference <= limit:
                yield f"{who}, {dtype}: {words} {name} differs by {difference:.2g}, at most {limit:.0e} is expected"
    for which in ("first", "all"):
        losses = found["losses"][which]
        if losses["tolerance"] is not None and not losses["difference"] <= losses["tolerance"]:
            apart = results.apart(ours[:losses["steps"]], theirs[:losses["steps"]])
            step = next(i for i, d in enumerate(apart, 1) if not d <= losses["tolerance"])
            yield (f"{who}, {dtype}: the loss of step {step} differs by {apart[step - 1]:.2g} of the largest, and by "
                   f"{losses['difference']:.2g} within {losses['steps']} steps, at most {losses['tolerance']:.0e} is "
                   "expected")
            return
    for step, (a, b) in enumerate(zip(ours, theirs), 1):
        if math.isfinite(b) and not math.isfinite(a):
            yield f"{who}, {dtype}: the loss of step {step} is {a}, {REFERENCE}'s is {b:.4g}"
            return


def compare(options, entry, optimiser, dtype, entries):
    """(words, values, wrong) of the case in one dtype; values as page.py wants them."""
    with tempfile.TemporaryDirectory() as folder:
        path, words = problem_file.write(Path(folder), entry, optimiser, getattr(torch, dtype), options.device)
        problem = problem_file.Problem(path, entries)
        theirs = results.results(problem, options.steps)
        own = own_way(path, entries, options.steps) if entry.recurrent and not options.no_loops else None
        candidates, wrong = {}, []
        try:
            candidates[BASE] = options.luxtorch.results(path, options.steps)
        except Wrong as reason:
            wrong.append(f"{dtype}: {reason}")
        if entry.recurrent and options.luxtorch_nn:
            module = problem_file.replaced(**options.luxtorch_nn)
            candidates[DOOR] = results.results(problem_file.Problem(path, entries, module), options.steps)
    values = {"curves": {REFERENCE: theirs["losses"]}}
    if own:
        values["curves"][results.OWN] = own
    for who, ours in candidates.items():
        outputs, gradients = results.differences(ours, theirs)
        losses = compare_losses(ours["losses"], theirs["losses"], entry, dtype, own)
        found = {"outputs": outputs, "gradients": gradients, "tolerance": TOLERANCES[dtype], "losses": losses}
        values["curves"][who] = ours["losses"]
        if not entry.random:
            wrong += sentences(dtype, found, ours["losses"], theirs["losses"], who)
        elif ours["output"].shape != theirs["output"].shape or not ours["output"].isfinite().all():
            wrong.append(f"{who}, {dtype}: the output is not finite, or not of shape {list(theirs['output'].shape)}")
        if who == DOOR:
            values["python"] = found
        else:
            values.update(found)
    return words, values, wrong
