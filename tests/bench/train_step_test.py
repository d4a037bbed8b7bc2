"""tools/bench/train_step: its driver with made-up competitors, and that the real ones compute the same."""

import io
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
sys.path[:0] = [str(BENCH), str(BENCH / "train_step")]

import problem  # noqa: E402
import train_step  # noqa: E402

WELL = """
    import turns

    def start():
        values = iter([0.7 - 0.01 * i for i in range(100)])
        return lambda: next(values)

    turns.take("well", start, threads=1)
"""
WRONG = WELL.replace("0.7 -", "0.8 -")
SKIPS = """
    import turns

    turns.skip("no such library")
"""


class DriverTest(unittest.TestCase):
    def run_with(self, programs, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in programs.items():
                path = Path(folder) / name
                path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(BENCH)!r})\n" +
                                textwrap.dedent(text))
                path.chmod(0o755)
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                status = train_step.main(["--programs", folder, "--threads", "1", "--rounds", "2", *arguments])
            return status, out.getvalue(), err.getvalue()

    def test_competitors_that_are_not_there_are_named_and_the_others_measured(self):
        status, out, err = self.run_with(
            {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL, "libtorch": SKIPS},
            "--case", "luxtorch_struct", "luxtorch_compact", "libtorch_module")
        self.assertEqual(status, 0, err)
        self.assertIn("skipped: luxtorch_compact: it is not built", out)
        self.assertIn("skipped: libtorch_module: no such library", out)
        self.assertRegex(out, r"luxtorch_recurrence( +\d+\.\d+){3} +1\.00 +1\.00 \(1\.00 to 1\.00\)")

    def test_nothing_is_measured_when_one_computes_something_else(self):
        status, out, err = self.run_with(
            {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL, "luxtorch_compact": WRONG},
            "--case", "luxtorch_struct", "luxtorch_compact")
        self.assertEqual(status, 1)
        self.assertIn("luxtorch_compact: the first value is 0.8, the others' is 0.7", err)
        self.assertNotIn("minimum", out)

    def test_another_number_of_threads_than_asked_for_is_an_error(self):
        status, _, err = self.run_with({"luxtorch_recurrence": WELL.replace("threads=1", "threads=7")},
                                       "--case", "luxtorch_recurrence")
        self.assertEqual(status, 1)
        self.assertIn("luxtorch_recurrence uses 7 threads, not 1", err)


class ProblemTest(unittest.TestCase):
    def test_the_file_of_a_problem_comes_back_as_it_was_meant(self):
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("this Python has no numpy")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "problem"
            problem.write(path, "gru", batch=4, time=5, hidden=3)
            found = problem.read(path)
        self.assertEqual((found.cell, found.batch, found.time, found.inputs, found.hidden), ("gru", 4, 5, 2, 3))
        self.assertEqual(found.arrays["weight_hh"].shape, (9, 3))
        self.assertEqual(found.arrays["y"].tolist(), [0, 1, 0, 1])
        self.assertLessEqual(abs(found.arrays["bias_hh"]).max(), 3**-0.5)


class CompetitorsTest(unittest.TestCase):
    """One round of the programs of this build; Python's competitors need more than a build has."""

    def test_luxtorch_and_libtorch_compute_the_same_losses(self):
        if not (BUILD / "bench/train_step/luxtorch_struct").exists():
            self.skipTest("the measurements are not built (LUXTORCH_BENCH is off)")
        for cell in problem.CELLS:
            with self.subTest(cell=cell):
                run = subprocess.run(
                    [BUILD / "bin/train_step", "--cell", cell, "--batch", "16", "--time", "9", "--threads", "1",
                     "--rounds", "1", "--steps", "1", "--case", "luxtorch_struct", "luxtorch_compact",
                     "luxtorch_recurrence", "libtorch_cells", "libtorch_module"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                self.assertNotIn("skipped", run.stdout)
                self.assertRegex(run.stdout, r"all start at loss 0\.\d+")


if __name__ == "__main__":
    unittest.main()
