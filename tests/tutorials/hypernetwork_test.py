"""The tutorial of a hypernetwork as a person runs it: the networks that it makes fit waves that it did not learn from."""

import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/hypernetwork"
STEP = re.compile(r"^ +(\d+) +(\d\.\d{4}) +(\d\.\d{4})$", re.MULTILINE)
ROW = re.compile(r"^  (networks made for them|the nearest wave learnt from|silence) +(\d\.\d{4})$", re.MULTILINE)


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class HypernetworkTest(ProgramTest):
    program = PROGRAM

    def test_the_networks_made_for_new_waves_are_better_than_the_nearest_known_wave(self):
        for seed in ("0", "1"):
            out = self.run_it("--steps", "800", "--seed", seed).stdout
            self.assertIn("The small network has 321 parameters.", out)
            self.assertEqual([int(m[1]) for m in STEP.finditer(out)], list(range(80, 801, 80)))
            made, nearest, silence = (float(m[2]) for m in ROW.finditer(out))
            self.assertLess(made, 0.5 * nearest, out)
            self.assertAlmostEqual(silence, 0.5**0.5, delta=0.02)  # of a sine

    def test_from_few_waves_it_does_not_learn_all(self):
        known, new = map(float, STEP.findall(self.run_it("--steps", "300", "--tasks", "5").stdout)[-1][1:])
        self.assertGreater(new, 2 * known)

    def test_one_seed_gives_the_same_numbers_again(self):
        first, again, other = (self.run_it("--steps", "3", "--seed", seed).stdout for seed in "110")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_the_picture_comes_with_its_numbers(self):
        lines = (self.pictures("--steps", "2") / "hypernetwork.csv").read_text().splitlines()
        self.assertEqual(lines[0], ",".join(["x", *(f"{kind} {i}" for kind in ("wave", "network") for i in range(1, 7))]))
        self.assertEqual([len(line.split(",")) for line in lines], [13] * 152)

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--steps", "0"], ["--tasks", "0"], ["--tasks", "many"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
