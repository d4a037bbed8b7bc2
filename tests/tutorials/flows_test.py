"""The tutorial of a normalizing flow as a person runs it: it learns a density, which sums to 1, and runs backwards."""

import csv
import math
import os
import random
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/flows"
STEP = re.compile(r"^ +(\d+) +(-?\d+\.\d{4}) +(-?\d+\.\d{4})$", re.MULTILINE)
ROW = re.compile(r"^  (a normal distribution|the flow|the moons' own density) +(-?\d+\.\d{4})$", re.MULTILINE)
INVERSE = re.compile(r"^There and back, a point is off by (\d\.\de[+-]\d+) at most\.$", re.MULTILINE)
SUM = re.compile(r"^The density sums to (\d\.\d{4}) over 105000 squares of 0\.02 x 0\.02\.$", re.MULTILINE)
NOISE = 0.1


def entropy_of_moons(count=400):
    """The mean of -log p of points drawn here, with p as an integral over both half circles, by the midpoints of 300 parts."""
    draw, total = random.Random(1), 0
    arcs = [(math.pi * (i + 0.5) / 300) for i in range(300)]
    centres = [(math.cos(t), math.sin(t)) for t in arcs] + [(1 - math.cos(t), 0.5 - math.sin(t)) for t in arcs]
    for i in range(count):
        t = draw.uniform(0, math.pi)
        x, y = (math.cos(t), math.sin(t)) if i % 2 else (1 - math.cos(t), 0.5 - math.sin(t))
        x, y = x + draw.gauss(0, NOISE), y + draw.gauss(0, NOISE)
        p = sum(math.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * NOISE**2)) for a, b in centres)
        total -= math.log(p / len(centres) / (2 * math.pi * NOISE**2))
    return total / count


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class FlowsTest(ProgramTest):
    program = PROGRAM

    def test_the_flow_comes_near_the_moons_own_density(self):
        entropy = entropy_of_moons()
        for seed in ("0", "1"):
            out = self.run_it("--steps", "500", "--seed", seed).stdout
            self.assertIn("8 couplings with 9488 parameters learn from 5000 points.", out)
            self.assertEqual([int(m[1]) for m in STEP.finditer(out)], list(range(50, 501, 50)))
            normal, flow, own = (float(m[2]) for m in ROW.finditer(out))
            self.assertAlmostEqual(own, entropy, delta=0.12)  # four standard deviations of a mean of 400
            self.assertLess(own, flow, out)
            self.assertLess(flow - own, 0.35 * (normal - own), out)
            self.assertEqual(flow, float(STEP.findall(out)[-1][2]))

    def test_backwards_it_is_exact_and_its_density_sums_to_one(self):
        for couplings in ("1", "6"):
            out = self.run_it("--steps", "300", "--couplings", couplings, "--hidden", "16").stdout
            self.assertLess(float(INVERSE.search(out)[1]), 1e-4)
            self.assertAlmostEqual(float(SUM.search(out)[1]), 1, delta=0.01)

    def test_after_one_step_it_is_still_the_normal_distribution(self):
        out = self.run_it("--steps", "1", "--couplings", "1", "--hidden", "1").stdout
        within = lambda z: math.erf(z / 2**0.5) / 2
        self.assertAlmostEqual(float(SUM.search(out)[1]), (within(3) + within(4)) * 2 * within(3), delta=1e-3)

    def test_one_seed_gives_the_same_numbers_again(self):
        first, again, other = (self.run_it("--steps", "3", "--seed", seed).stdout for seed in "110")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_the_picture_comes_with_its_numbers(self):
        folder = self.pictures("--steps", "20")
        with open(folder / "flows.csv") as file:
            cells = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
        self.assertEqual(len(cells), 350 * 300)
        self.assertAlmostEqual(sum(cell["density"] for cell in cells) * 0.02**2, 1, delta=0.01)
        self.assertAlmostEqual(cells[0]["x"], -2.99, delta=1e-5)
        self.assertAlmostEqual(cells[-1]["y"], 2.99, delta=1e-5)
        with open(folder / "points.csv") as file:
            points = list(csv.DictReader(file))
        self.assertEqual(len(points), 2000)
        lower = sum(float(p["data x"]) > 1.2 for p in points)  # the second moon alone is there
        self.assertTrue(380 < lower < 500, lower)

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--steps", "0"], ["--couplings", "0"], ["--points", "1"], ["--hidden", "many"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
