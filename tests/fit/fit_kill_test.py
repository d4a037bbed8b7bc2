"""A training by fit that is killed by SIGKILL 20 times ends as one that was never interrupted, bit for bit.

It saves a checkpoint after every step. A preloaded library kills it right before one of the calls that change files,
chosen by number, so that the same places are hit on every machine.
"""

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


def run(folder, environment=None):
    return subprocess.run([PROGRAM, folder, str(EPOCHS)], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})})


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
        for folder in folders:
            self.assertEqual(self.finished(folder), expected, folder)

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
