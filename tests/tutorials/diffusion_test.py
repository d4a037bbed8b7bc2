"""The tutorial of diffusion as a person runs it: noise becomes moons and figures, and a training goes on where it was."""

import csv
import os
import re
import shutil
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/diffusion"
LOSS = re.compile(r"^ +(\d+) +(\d+\.\d{4}) +(\d+\.\d{4})$", re.MULTILINE)
ROW = re.compile(r"^  (noise|drawn in +\d+ steps|other data|figures held out) +(-?\d+\.\d{4})$", re.MULTILINE)
NO_FIGURES = "--figures-steps", "0"
SMALL = "--moons-steps", "1", "--figures", "200", "--channels", "4"


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class DiffusionTest(ProgramTest):
    program = PROGRAM

    def test_noise_becomes_moons_in_few_steps(self):
        for seed in ("0", "1"):
            out = self.run_it("--moons-steps", "1000", *NO_FIGURES, "--seed", seed).stdout
            rows = {m[1]: float(m[2]) for m in ROW.finditer(out)}
            self.assertLess(rows["drawn in 20 steps"], 0.25 * rows["noise"], out)
            self.assertLess(rows["drawn in 20 steps"], 0.5 * rows["drawn in  1 steps"], out)
            self.assertLess(rows["other data"], 0.02)
            self.assertNotIn("Figures", out)

    def test_the_average_of_one_step_is_that_step_and_later_it_lags_behind(self):
        losses = [(m[2], m[3]) for m in LOSS.finditer(self.run_it("--moons-steps", "3", *NO_FIGURES).stdout)]
        self.assertEqual([last == average for last, average in losses], [True, False, False])

    def test_the_network_of_figures_learns(self):
        out = self.run_it(*SMALL, "--figures-steps", "40").stdout.split("Figures\n")[1]
        losses = [float(m[2]) for m in LOSS.finditer(out)]
        self.assertLess(losses[-1], 0.87 * losses[0], out)
        rows = {m[1]: float(m[2]) for m in ROW.finditer(out)}
        self.assertEqual(list(rows), ["noise", *(f"drawn in {k:>2} steps" for k in (1, 2, 5, 10, 20)), "figures held out"])
        self.assertLess(rows["figures held out"], rows["noise"])

    def test_a_training_goes_on_from_its_last_checkpoint_bit_for_bit(self):
        arguments = *SMALL, "--figures-steps", "10", "--out", "run"
        whole = self.run_it(*arguments).stdout.split("Figures\n")[1]
        shutil.rmtree(self.folder / "run/step_000000010")
        rest = self.run_it(*arguments).stdout.split("Figures\n")[1]
        self.assertIn("run has a training of 9 steps.\n", rest)
        self.assertEqual([int(m[1]) for m in LOSS.finditer(rest)], [10])
        self.assertEqual(LOSS.findall(rest), LOSS.findall(whole)[-1:])
        self.assertEqual(ROW.findall(rest), ROW.findall(whole))
        done = self.run_it(*arguments).stdout.split("Figures\n")[1]
        self.assertEqual((LOSS.findall(done), ROW.findall(done)), ([], ROW.findall(whole)))

    def test_one_seed_gives_the_same_numbers_again(self):
        first, again, other = (self.run_it(*SMALL, "--figures-steps", "2", "--seed", seed).stdout for seed in "110")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_the_picture_comes_with_its_numbers(self):
        folder = self.pictures(*SMALL, "--figures-steps", "1", "--walk", "3")
        lines = (folder / "diffusion.csv").read_text().splitlines()
        self.assertEqual(lines[0], ",".join(f"x {k},y {k}" for k in range(11)))
        self.assertEqual([len(line.split(",")) for line in lines], [22] * 1001)
        first = [float(line.split(",")[0]) for line in lines[1:]]
        self.assertAlmostEqual(sum(x * x for x in first) / 1000, 1, delta=0.15)  # noise
        with open(folder / "figures.csv") as file:
            pixels = {(int(row["x"]), int(row["y"])): float(row["brightness"]) for row in csv.DictReader(file)}
        self.assertEqual(len(pixels), 11 * 17 * 6 * 17)
        self.assertTrue(all(0 <= brightness <= 1 for brightness in pixels.values()))
        self.assertEqual({pixels[16, y] for y in range(6 * 17)}, {1})  # between two columns

    def test_moons_alone_have_a_picture_too(self):
        self.assertFalse((self.pictures("--moons-steps", "1", *NO_FIGURES) / "figures.csv").exists())

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--moons-steps", "0"], ["--figures-steps", "-1"], ["--channels", "0"], ["--walk", "0"], ["--sed", "1"])
        result = self.run_it("--moons-steps", "1", "--figures-steps", "1", "--channels", "6", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^diffusion: .*GroupNorm.*\n$")


if __name__ == "__main__":
    unittest.main()
