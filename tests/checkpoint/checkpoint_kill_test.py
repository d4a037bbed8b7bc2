"""A training that is killed by SIGKILL at 50 random places ends as one that was never interrupted, bit for bit.

The program saves a checkpoint after every step. A preloaded library kills it right before one of the calls that change
files, chosen by number, so that the same places are hit on every machine.
"""

import concurrent.futures
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

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/checkpoint_program"
STEPS = 120
KILLS = 50


MOST_CALLS = 180  # before a kill: some five checkpoints


def run(folder, environment=None):
    return subprocess.run([PROGRAM, folder, str(STEPS)], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})})


def manifests(folder):
    return {p.parent.name: json.loads(p.read_text()) for p in sorted(folder.glob("step_*/manifest.json"))}


def unfinished(folder):
    return [p.name for p in folder.glob(".luxtorch-folder-*.tmp")]


class KillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(dir=os.environ["LUXTORCH_BUILD_DIR"]))
        cls.addClassCleanup(lambda: subprocess.run(["rm", "-rf", cls.folder]))

    def finish(self, folder):
        result = run(folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def killed_run(self, name, kills, rng):
        """Kills a run so often, starting another where one ends before; (its folders, how many kills left a part)."""
        folders, left = [self.folder / f"{name}_0"], 0
        while kills > 0:
            result = run(folders[-1], killed_at(rng.randint(1, MOST_CALLS)))
            if result.returncode == -signal.SIGKILL:
                kills -= 1
                left += bool(unfinished(folders[-1]))
            else:
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                folders.append(self.folder / f"{name}_{len(folders)}")
        return folders, left

    def test_fifty_kills_change_no_bit(self):
        undisturbed = self.folder / "undisturbed"
        self.finish(undisturbed)
        expected = manifests(undisturbed)
        self.assertEqual(list(expected)[-1], f"step_{STEPS:09}")

        rngs = [random.Random(20261122), random.Random(5)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda i: self.killed_run(f"killed_{i}", KILLS // 2, rngs[i]), range(2)))
        self.assertGreater(sum(left for _, left in runs), 0, "no kill hit the writing of a checkpoint")

        for folders, _ in runs:
            for folder in folders:
                self.finish(folder)
                # Parameters, states, moments, losses, rng and the loader's place: each part's sha256, and which
                # checkpoints stay.
                self.assertEqual(manifests(folder), expected, folder)
                self.assertEqual(unfinished(folder), [])
                self.assertEqual(len(list(folder.iterdir())), len(expected))


if __name__ == "__main__":
    unittest.main()
