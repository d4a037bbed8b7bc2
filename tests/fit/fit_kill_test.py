"""A training by fit that is killed by SIGKILL 20 times ends as one that was never interrupted, bit for bit, and so do its logs.

It saves a checkpoint after every step. A preloaded library kills it right before one of the calls that change files,
chosen by number, so that the same places are hit on every machine.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from kill_at import killed_at

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/fit_program"
EPOCHS = 12
KILLS = 20
MOST_CALLS = 180  # before a kill: some five checkpoints
OF_TIME = {"time", "seconds", "samples_per_second", "memory_bytes"}  # what another run has otherwise


def run(folder, environment=None):
    return subprocess.run([PROGRAM, folder, str(EPOCHS)], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})})


def table(folder):
    """The rows of epochs.csv."""
    with open(folder / "epochs.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k not in OF_TIME} for row in csv.DictReader(file)]


def epochs(folder):
    """The lines of log.jsonl on epochs that count: a start makes void what is beyond its step, an epoch one of its own step."""
    valid = []
    for line in (folder / "log.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "start":
            valid = [epoch for epoch in valid if epoch["step"] <= entry["step"]]
        elif entry["kind"] == "epoch":
            valid = [epoch for epoch in valid if epoch["step"] != entry["step"]]
            valid.append({k: v for k, v in entry.items() if k not in OF_TIME})
    return valid


class FitKillTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=os.environ["LUXTORCH_BUILD_DIR"]))
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", self.folder]))

    def finished(self, folder):
        result = run(folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_twenty_kills_change_no_bit(self):
        expected = self.finished(self.folder / "undisturbed")
        self.assertRegex(expected, rf"^step {EPOCHS * 5} [0-9a-f]{{64}}$")
        rng = random.Random(20261130)
        kills, folders = 0, [self.folder / "killed_0"]
        while kills < KILLS:
            result = run(folders[-1], killed_at(rng.randint(1, MOST_CALLS)))
            if result.returncode == -signal.SIGKILL:
                kills += 1
            else:
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                folders.append(self.folder / f"killed_{len(folders)}")
        rows, lines = table(self.folder / "undisturbed"), epochs(self.folder / "undisturbed")
        self.assertEqual([len(rows), len(lines)], [EPOCHS, EPOCHS])
        for folder in folders:
            self.assertEqual(self.finished(folder), expected, folder)
            self.assertEqual(table(folder), rows, folder)
            self.assertEqual(epochs(folder), lines, folder)

    def test_a_signal_ends_it_so_that_it_goes_on(self):
        expected = self.finished(self.folder / "undisturbed")
        folder = self.folder / "interrupted"
        child = subprocess.Popen([PROGRAM, folder, str(EPOCHS)], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "OMP_NUM_THREADS": "1"})
        while not list(folder.glob("step_*")) and child.poll() is None:
            pass
        child.send_signal(signal.SIGTERM)
        stopped = child.communicate()[0]
        self.assertEqual(child.returncode, 0)
        self.assertNotEqual(stopped, expected)
        self.assertEqual(self.finished(folder), expected)


if __name__ == "__main__":
    unittest.main()
