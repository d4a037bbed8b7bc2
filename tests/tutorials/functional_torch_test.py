"""The tutorial of torch::nn models as layers, as a person runs it: what it prints and what it reaches."""

import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/functional_torch"
EPOCH = re.compile(r"^ +(\d+)   (\d\.\d{3})   (\d\.\d{3})   (\d\.\d{3})   (\d\.\d{3})$")
ROW = re.compile(r"^  (\S.*?) +(\d+\.\d{3})$")


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class FunctionalTorchTest(ProgramTest):
    program = PROGRAM

    def test_it_learns_and_its_trees_are_worth_what_the_page_says(self):
        for seed in ("0", "1"):
            out = self.run_it("--epochs", "16", "--seed", seed).stdout
            epochs = [m for m in map(EPOCH.match, out.splitlines()) if m]
            self.assertEqual([int(m[1]) for m in epochs], [1, 2, 4, 8, 16])
            for i in range(2, 6):
                self.assertLess(float(epochs[-1][i]), float(epochs[0][i]), out)
            rows = {m[1]: float(m[2]) for m in map(ROW.match, out.splitlines()) if m}
            self.assertEqual(len(rows), 6, out)
            one = rows["one network"]
            self.assertLess(one, 0.4 * rows["always the mean of the training hours"], out)
            # Either is the better network on most seeds, and a good one on all.
            self.assertLess(rows["its parameters, averaged over the later epochs"], 1.15 * one, out)
            self.assertLess(rows["the answers of all four, averaged"], 1.05 * one, out)
            self.assertGreater(rows["the parameters of all four, averaged"], 2 * one, out)
            self.assertGreater(rows["the first network with the last layer of the second"], 2 * one, out)

    def test_two_runs_of_a_seed_print_the_same_though_four_threads_train(self):
        first, second = (self.run_it("--epochs", "2").stdout for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first, self.run_it("--epochs", "2", "--seed", "1").stdout)

    def test_unknown_values_are_refused_by_name(self):
        for arguments in (["--epochs", "0"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(arguments[0], result.stderr)


if __name__ == "__main__":
    unittest.main()
