"""The tutorial of a variational autoencoder as a person runs it: what it prints, what it reaches, its picture, what it refuses."""

import csv
import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/vae"
ROW = re.compile(r"^ +(\d+) +(\d+\.\d\d) +(\d+\.\d\d) +(\d+\.\d\d) +(\d+\.\d\d)$", re.MULTILINE)
NEIGHBOR = re.compile(r"of the same kind for (\d+\.\d)% of 1000 figures")
SMALL = ["--figures", "64", "--epochs", "1"]


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class VaeTest(ProgramTest):
    program = PROGRAM

    def rows(self, out):
        """(epoch, sum trained on; reconstruction, divergence and sum held out) of each line."""
        return [(int(m[1]), *(float(number) for number in m.groups()[1:])) for m in ROW.finditer(out)]

    def test_after_a_short_training_figures_of_a_kind_are_neighbors(self):
        out = self.run_it("--figures", "1000", "--epochs", "3").stdout
        rows = self.rows(out)
        self.assertEqual([row[0] for row in rows], [1, 2, 3])
        for _, _, reconstruction, divergence, total in rows:
            self.assertAlmostEqual(reconstruction + divergence, total, delta=0.011)
            self.assertGreater(divergence, 0)
        self.assertLess(rows[-1][1], 0.8 * rows[0][1])
        self.assertLess(rows[-1][4], 0.85 * rows[0][4])
        self.assertGreater(float(NEIGHBOR.search(out)[1]), 50, out)  # by chance: 20 %

    def test_two_runs_of_a_seed_print_the_same(self):
        first, again, other = (self.run_it(*SMALL, "--seed", seed).stdout for seed in "001")
        self.assertEqual(first, again)
        self.assertNotEqual(self.rows(first), self.rows(other))

    def test_the_picture_comes_with_its_numbers(self):
        folder = self.pictures(*SMALL, "--side", "3")
        with open(folder / "vae.csv") as file:
            figures = list(csv.DictReader(file))
        self.assertEqual(len(figures), 1000)
        self.assertEqual({row["label"] for row in figures}, set("01234"))
        with open(folder / "plane.csv") as file:
            plane = [row for row in csv.DictReader(file) if row["x"]]
        self.assertEqual(len(plane), (3 * 32) ** 2)
        self.assertTrue(all(0 <= float(row["brightness"]) <= 1 for row in plane))

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--epochs", "0"], ["--figures", "-1"], ["--side", "0"], ["--learning-rate", "x"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
