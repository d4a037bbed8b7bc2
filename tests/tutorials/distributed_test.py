"""The tutorial of several processes: each number of them prints the same curve."""

import os
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import Processes
from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/distributed"
EPOCH = re.compile(r"^Epoch \[ *(\d+)\]: loss (\d\.\d{4})   validation: loss (\d\.\d{4}), accuracy ([01]\.\d{4})$", re.MULTILINE)


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class DistributedTest(ProgramTest):
    program = PROGRAM

    def printed(self, size, *arguments):
        """What process 0 prints; the others print nothing."""
        if size == 1:
            return self.run_it(*arguments, OMP_NUM_THREADS="1").stdout
        with Processes(PROGRAM, size, *arguments) as run:
            ends = run.ends()
        for rank, (status, output, said) in enumerate(ends):
            self.assertEqual((status, said), (0, ""))
            self.assertEqual(output == "", rank > 0)
        return ends[0][1]

    def numbers(self, text):
        return [tuple(map(float, epoch)) for epoch in EPOCH.findall(text)]

    def test_one_two_and_four_processes_print_one_curve(self):
        for arguments in (["--epochs", "6"], ["--epochs", "2", "--batch-size", "7"]):
            one = self.printed(1, *arguments)
            self.assertIn("1 process, ", one)
            expected = self.numbers(one)
            self.assertEqual([row[0] for row in expected], list(range(1, int(arguments[1]) + 1)))
            for size in (2, 4) if len(arguments) == 2 else (3,):
                out = self.printed(size, *arguments)
                self.assertIn(f"{size} processes, ", out)
                self.assertIn("The parameters of all processes are equal bit for bit.\n", out)
                found = self.numbers(out)
                self.assertEqual(len(found), len(expected))
                for a, b in zip(found, expected):
                    for x, y in zip(a, b):
                        # One in the last digit, where a number lies between two that can be printed.
                        self.assertLess(abs(x - y), 1.5e-4, f"{size} processes:\n{out}\n{one}")

    def test_it_learns(self):
        last = self.numbers(self.printed(2))[-1]
        self.assertEqual((last[0], last[3]), (25, 1.0))
        self.assertLess(last[2], 0.05)

    def test_an_error_of_one_process_ends_all_of_them_with_its_text(self):
        with Processes(PROGRAM, 2, "--epochs", "1", changes={1: {"WORLD_SIZE": "3"}}) as run:
            for status, output, said in run.ends():
                self.assertEqual((status, output), (1, ""))
                self.assertRegex(said, r"^distributed: \[distributed.init\] expected the same program on all processes, got .*\n$")

    def test_what_it_cannot_do_is_said_by_name(self):
        for arguments in (["--epochs", "0"], ["--batch-size", "-1"], ["--hidden", "0"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn(arguments[0], result.stderr)


if __name__ == "__main__":
    unittest.main()
