"""The tutorial of a physics-informed network as a person runs it: the equation alone leads to its solution."""

import csv
import math
import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/pinn"
ROW = re.compile(r"^ +(\d+) +(\d+\.\d{4})? +(\d+\.\d\d)%$", re.MULTILINE)
VISCOSITY = 0.04


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class PinnTest(ProgramTest):
    program = PROGRAM

    def rows(self, out):
        """(step, residual, error in percent) of each line; nothing was trained before the first one."""
        return [(int(m[1]), float(m[2] or "nan"), float(m[3])) for m in ROW.finditer(out)]

    def test_as_the_residual_falls_the_error_does(self):
        for seed in ("0", "1"):
            rows = self.rows(self.run_it("--steps", "400", "--points", "200", "--seed", seed).stdout)
            self.assertEqual([step for step, _, _ in rows], list(range(0, 401, 40)))
            self.assertGreater(rows[0][2], 30)
            self.assertLess(rows[-1][2], 8, rows)
            self.assertLess(rows[-1][1], 0.5 * rows[1][1], rows)

    def test_few_steps_are_fine(self):
        self.assertEqual([step for step, _, _ in self.rows(self.run_it("--steps", "3", "--points", "1").stdout)], [0, 1, 2, 3])

    def test_one_seed_gives_the_same_numbers_again(self):
        first, again, other = (self.run_it("--steps", "3", "--seed", seed).stdout for seed in "110")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_the_picture_comes_with_its_numbers_and_these_belong_to_the_equation(self):
        with open(self.pictures("--steps", "2") / "pinn.csv") as file:
            grid = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        self.assertEqual(len(grid), 101**2)
        for row in grid:
            for u in (row["u"], row["exact"]):
                if row["t"] == 0:
                    self.assertAlmostEqual(u, -math.sin(math.pi * row["x"]), delta=1e-4)
                if abs(row["x"]) == 1:
                    self.assertAlmostEqual(u, 0, delta=1e-5)
        h, k = 2 / 100, 1 / 100
        for column, expected in (("exact", lambda at: 0), ("u", lambda at: at["residual"])):
            for i in (30 * 101 + 20, 50 * 101 + 75, 80 * 101 + 30):  # where finite differences are good to a few percent
                u, west, east, before, after = (grid[j][column] for j in (i, i - 1, i + 1, i - 101, i + 101))
                terms = (after - before) / (2 * k), u * (east - west) / (2 * h), -VISCOSITY * (east - 2 * u + west) / h**2
                self.assertAlmostEqual(sum(terms), expected(grid[i]), delta=0.03 * max(map(abs, terms)) + 0.01, msg=(column, i))

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--steps", "0"], ["--points", "-1"], ["--steps", "x"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
