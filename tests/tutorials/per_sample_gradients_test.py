"""The tutorial of gradients per sample as a person runs it: they are those of a loop, and what is trained with them keeps secrets."""

import math
import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/per_sample_gradients"
ROW = re.compile(r"^  (usual|private) +(\d+\.\d)% +(\d+\.\d)%(?:$|   epsilon)", re.MULTILINE)


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class PerSampleGradientsTest(ProgramTest):
    program = PROGRAM

    def rows(self, out):
        """(truth, secrets) in percent, of the usual training and of the private one."""
        return {m[1]: (float(m[2]), float(m[3])) for m in ROW.finditer(out)}

    def test_the_gradients_are_those_of_a_loop(self):
        out = self.run_it("--steps", "1").stdout
        self.assertRegex(out, r"(?m)^128 gradients of 2145 numbers$")
        difference = re.search(r"\d+ times as fast; the same to (\de-\d\d)", out)[1]
        self.assertLess(float(difference), 2e-5)

    def test_private_training_keeps_secrets_that_the_usual_one_gives_away(self):
        for seed in ("0", "1"):
            out = self.run_it("--seed", seed, "--steps", "60").stdout
            (truth, secrets), (private_truth, private_secrets) = map(self.rows(out).get, ("usual", "private"))
            self.assertGreater(secrets, 60, out)
            self.assertGreater(private_truth, truth, out)
            self.assertLess(private_secrets, 100 - private_truth + 10, out)

    def test_it_says_what_the_privacy_is(self):
        out = self.run_it("--steps", "10", "--noise", "5").stdout
        rho = 10 / (2 * 5**2)
        expected = rho + 2 * math.sqrt(rho * math.log(1e5))
        self.assertEqual(float(re.search(r"epsilon (\d+\.\d\d) at delta 1e-5", out)[1]), round(expected, 2))

    def test_without_noise_to_speak_of_it_learns_more(self):
        quiet, loud = (self.rows(self.run_it("--steps", "20", "--noise", noise).stdout)["private"][0] for noise in ("0.1", "200"))
        self.assertGreater(quiet, loud + 5)

    def test_one_seed_gives_the_same_numbers_again(self):
        def numbers(*arguments):
            return self.run_it("--steps", "3", *arguments).stdout.partition("steps over")[2]

        self.assertEqual(numbers(), numbers())
        self.assertNotEqual(numbers(), numbers("--seed", "1"))

    def test_the_picture_comes_with_its_numbers(self):
        lines = (self.pictures("--steps", "3") / "per_sample_gradients.csv").read_text().splitlines()
        self.assertEqual([len(line.split(",")) for line in lines], [5] * 4)
        self.assertEqual([line.split(",")[0] for line in lines[1:]], ["1", "2", "3"])

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--steps", "0"], ["--noise", "0"], ["--noise", "inf"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
