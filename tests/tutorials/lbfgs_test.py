"""The tutorial of L-BFGS as a person runs it: what it reaches beside Adam, what it writes, what it refuses."""

import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/lbfgs"
ROW = re.compile(r"^  (L-BFGS|Adam\(0\.[0-9]+\)) +(\d+) +(\d\.\de-\d\d)$", re.MULTILINE)


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class LbfgsTest(ProgramTest):
    program = PROGRAM

    def rows(self, out):
        """{name: (iterations, least loss)}"""
        return {m[1]: (int(m[2]), float(m[3])) for m in ROW.finditer(out)}

    def test_it_gets_much_lower_than_adam_at_any_rate(self):
        out = self.run_it().stdout
        self.assertIn("481 parameters, 2000 evaluations", out)
        rows = self.rows(out)
        iterations, loss = rows.pop("L-BFGS")
        self.assertGreater(iterations, 1000)  # a good first guess of the length
        self.assertLess(iterations, 2000)
        self.assertEqual([row[0] for row in rows.values()], [2000] * 4)
        self.assertLess(loss, 0.2 * min(row[1] for row in rows.values()), out)

    def test_it_never_gets_worse_and_counts_what_it_evaluates(self):
        lines = (self.pictures("--evaluations", "150") / "lbfgs.csv").read_text().splitlines()
        self.assertEqual(lines[0], "evaluations,L-BFGS,Adam(0.003),Adam(0.01),Adam(0.03),Adam(0.1)")
        columns = list(zip(*(map(float, line.split(",")) for line in lines[1:])))
        self.assertEqual(columns[0], tuple(range(1, 151)))
        for column in columns[1:]:
            self.assertEqual(list(column), sorted(column, reverse=True))
            self.assertEqual(column[0], columns[1][0], "all start from the same numbers")
            self.assertLess(column[-1], 0.9 * column[0])

    def test_one_evaluation_is_no_iteration(self):
        self.assertEqual(self.rows(self.run_it("--evaluations", "1").stdout)["L-BFGS"][0], 0)

    def test_one_seed_gives_the_same_numbers_again(self):
        first, again, other = (self.run_it("--evaluations", "50", "--seed", seed).stdout for seed in "110")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--evaluations", "0"], ["--evaluations", "1.5"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()
