"""tools/bench/recurrent: its driver with made-up competitors, and that the real ones compute the same."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
import xml.etree.ElementTree as ET
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
sys.path[:0] = [str(BENCH), str(BENCH / "recurrent")]

import problem  # noqa: E402
import recurrent  # noqa: E402
import whole_process  # noqa: E402

WELL = """
    import turns

    def open_problem(file, what):
        assert open(file, "rb").read(8)

        def start():
            values = iter(range(1_000_000))
            last = [None]

            def step():
                last[0] = 0.7 / (1 + 0.01 * next(values))

            return step, lambda: last[0]

        return start

    turns.take("well", open_problem, threads=1)
"""
WRONG = WELL.replace("0.7 /", "0.8 /")
WRONG_LATER = WELL.replace("0.01 *", "0.0101 *")
SKIPS = """
    import turns

    turns.skip("no such library")
"""
CANNOT = """
    import turns

    def open_problem(file, what):
        raise ValueError("there is no compiler\\nmore about it")

    turns.take("cannot", open_problem, threads=1)
"""
# The limit of a processor that does an operation in ten microseconds.
SLOW_PROCESSOR = """#!/bin/sh
echo '{"vectors": "AVX2", "threads": 1, "fma": {"float32": {"one": 0.0001, "all": 0.0001}}}'
"""
NEEDS_NUMPY = unittest.skipUnless(importlib.util.find_spec("numpy"), "this Python has no numpy")


@NEEDS_NUMPY
class DriverTest(unittest.TestCase):
    def run_with(self, programs, *arguments, limit=None):
        with tempfile.TemporaryDirectory() as build:
            folder = Path(build) / "bench/recurrent"
            folder.mkdir(parents=True)
            if limit:
                program = Path(build) / "bin/limit"
                program.parent.mkdir()
                program.write_text(limit)
                program.chmod(0o755)
            for name, text in programs.items():
                path = Path(folder) / name
                path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(BENCH)!r})\n" +
                                textwrap.dedent(text))
                path.chmod(0o755)
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                status = recurrent.main(["--programs", str(folder), "--threads", "1", "--rounds", "2", *arguments])
            return status, out.getvalue(), err.getvalue()

    def test_competitors_that_are_not_there_are_named_and_the_others_measured(self):
        status, out, err = self.run_with(
            {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL, "libtorch": SKIPS},
            "--task", "spiral", "--case", "luxtorch_struct", "luxtorch_compact", "libtorch_module")
        self.assertEqual(status, 0, err)
        self.assertIn("skipped: luxtorch_compact: it is not built", out)
        self.assertIn("skipped: libtorch_module: no such library", out)
        self.assertIn("after 20 updates: luxtorch_recurrence 0.583333, luxtorch_struct 0.583333", out)
        self.assertRegex(out, r"Recurrence\(LSTMCell\)( +\d+\.\d+){3} +\S+ +1\.00 +1\.00 \(1\.00 to 1\.00\)")

    def test_no_share_passes_the_limit_and_who_raised_it_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "found.json"
            status, out, err = self.run_with(
                {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL}, "--task", "spiral", "--case", "luxtorch_struct",
                "--json", str(file), limit=SLOW_PROCESSOR)
            self.assertEqual(status, 0, err)
            found = json.loads(file.read_text())
        shares = [row["share_of_limit"] for row in found["tasks"]["spiral"]["rows"].values()]
        self.assertEqual(max(shares), 1)
        self.assertIn(" with AVX2, load ", found["about"][0])
        self.assertRegex(out, r"limit: \d+ GFLOP/s on 1 processor with AVX2 \(reached by luxtorch, .*, above its loop")

    def test_without_the_limits_program_steps_have_no_share_and_it_is_told(self):
        status, out, err = self.run_with({"luxtorch_recurrence": WELL}, "--task", "spiral", "--case", "luxtorch_recurrence")
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"skipped: the share of the limit: .*bin/limit is not built")

    def test_one_that_cannot_do_the_problem_is_named_with_the_first_line_of_why(self):
        status, out, err = self.run_with({"luxtorch_recurrence": WELL, "luxtorch_compact": CANNOT},
                                         "--task", "spiral", "--case", "luxtorch_compact")
        self.assertEqual(status, 0, err)
        self.assertIn("skipped: luxtorch_compact: ValueError: there is no compiler\n", out)

    def test_nothing_is_measured_when_one_computes_something_else(self):
        for other, where in ((WRONG, "first value is 0.8, the others' is 0.7"),
                             (WRONG_LATER, "last value is 0.58236273, the others' is 0.58333333")):
            status, out, err = self.run_with(
                {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL, "luxtorch_compact": other},
                "--task", "spiral", "--case", "luxtorch_struct", "luxtorch_compact")
            self.assertEqual(status, 1)
            self.assertIn("luxtorch_compact: the " + where, err)
            self.assertNotIn("minimum", out)

    def test_nothing_is_compared_with_one_that_is_not_there(self):
        status, _, err = self.run_with({"luxtorch_struct": WELL}, "--task", "spiral", "--case", "luxtorch_struct")
        self.assertEqual(status, 1)
        self.assertIn("luxtorch_recurrence cannot run", err)

    def test_another_number_of_threads_than_asked_for_is_an_error(self):
        status, _, err = self.run_with({"luxtorch_recurrence": WELL.replace("threads=1", "threads=7")},
                                       "--task", "spiral", "--case", "luxtorch_recurrence")
        self.assertEqual(status, 1)
        self.assertIn("luxtorch_recurrence uses 7 threads, not 1", err)

    def test_what_was_found_is_written_and_drawn_and_drawn_again_from_the_file(self):
        with tempfile.TemporaryDirectory() as folder, \
             mock.patch.object(whole_process, "LONG", problem.plain("lstm", 1, 3, 2)), \
             mock.patch.object(whole_process, "SOAK_STEPS", 4), mock.patch.object(whole_process, "SOAK_NOTED", 2):
            file, drawn, again = (Path(folder) / name for name in ("found.json", "drawn.svg", "again.svg"))
            programs = {"luxtorch_struct": WELL, "luxtorch_recurrence": WELL, "libtorch": WELL}
            status, out, err = self.run_with(
                programs, "--task", "spiral", "char", "first", "memory", "--json", str(file), "--picture", str(drawn),
                "--case", "luxtorch_struct", "libtorch_module", "libtorch_cells")
            self.assertEqual(status, 0, err)
            found = json.loads(file.read_text())
            self.assertEqual(set(found["tasks"]), {"spiral", "char", "first", "memory", "soak"})
            self.assertEqual(len(found["tasks"]["first"]["rows"]["libtorch_module"]["seconds"]), 5)
            self.assertEqual(len(found["tasks"]["soak"]["rows"]["luxtorch_struct"]["resident"]), 2)
            ET.parse(drawn)
            self.assertEqual(self.run_with({}, "--from", str(file), "--picture", str(again))[0], 0)
            self.assertEqual(again.read_text(), drawn.read_text())

    def test_a_part_of_the_grid_that_is_none_is_refused(self):
        for cells in ("lstm,h9", "lstm;h8"):
            with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()) as err:
                recurrent.main(["--programs", "", "--task", "grid", "--cells", cells])
            self.assertIn("is no part of the grid", err.getvalue())


@NEEDS_NUMPY
class ProblemTest(unittest.TestCase):
    def there_and_back(self, shape):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "problem"
            problem.write(path, shape)
            found = problem.read(path)
        self.assertEqual(found.shape, shape)
        self.assertEqual({name: a.shape for name, a in found.arrays.items()}, problem.shapes(shape))
        return found.arrays

    def test_the_file_of_a_problem_comes_back_as_it_was_meant(self):
        arrays = self.there_and_back(problem.spiral("gru", batch=4, time=5, hidden=3))
        self.assertEqual(arrays["weight_hh_l0"].shape, (9, 3))
        self.assertEqual(arrays["y"].tolist(), [0, 1, 0, 1])
        self.assertLessEqual(abs(arrays["bias_hh_l0"]).max(), 3**-0.5)
        self.there_and_back(problem.plain("rnn", batch=2, time=3, hidden=4))

    def test_what_comes_next_in_a_text_is_what_comes_next(self):
        arrays = self.there_and_back(problem.char(batch=3, time=6, hidden=4, symbols=7))
        self.assertEqual(arrays["weight_ih_l1"].shape, (16, 4))
        self.assertEqual(arrays["x"][:, 1:].tolist(), arrays["y"][:, :-1].tolist())
        self.assertTrue(0 <= arrays["x"].min() and arrays["x"].max() < 7)


@NEEDS_NUMPY
class CompetitorsTest(unittest.TestCase):
    """One round of the programs of this build; most of Python's competitors need more than a build has."""

    CASES = ("luxtorch_struct", "luxtorch_compact", "libtorch_cells", "libtorch_module")

    def compare(self, *arguments):
        if not (BUILD / "bench/recurrent/luxtorch_struct").exists():
            self.skipTest("the measurements are not built (LUXTORCH_BENCH is off)")
        run = subprocess.run(
            [BUILD / "bin/recurrent", "--threads", "1", "--rounds", "1", "--steps", "1", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={**os.environ, "LUXTORCH_PYTHON": sys.executable})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertNotIn("skipped: luxtorch", run.stdout)
        self.assertNotIn("skipped: libtorch", run.stdout)
        return run.stdout

    def spiral(self, cell, *more):
        found = self.compare("--task", "spiral", "--cell", cell, "--batch", "16", "--time", "9", "--case", *self.CASES, *more)
        self.assertRegex(found, r"all start at loss 0\.\d+; after 20 updates: luxtorch_recurrence 0\.\d+")
        return found

    def test_luxtorch_and_libtorch_compute_the_same_losses(self):
        for cell in ("gru", "rnn"):
            with self.subTest(cell=cell):
                self.spiral(cell)

    def test_luxtorch_in_python_computes_the_same_losses(self):
        if not importlib.util.find_spec("torch") or not (BUILD / "lib/libluxtorch_python.so").exists():
            self.spiral("lstm")
            self.skipTest("this Python has no torch, or the operators for Python are not built")
        self.assertRegex(self.spiral("lstm", "luxtorch_python"), r"20 updates:.* luxtorch_python 0\.")

    def test_luxtorch_and_libtorch_compute_the_same_losses_of_a_text_and_in_the_grid(self):
        has_torch = importlib.util.find_spec("torch")
        found = self.compare("--task", "char", *(["grid"] if has_torch else []), "--cells", "h8,t16,b1",
                             "--case", "libtorch_module")
        self.assertRegex(found, r"all start at loss 4\.\d+")
        if not has_torch:
            self.skipTest("this Python has no torch, with which the grid is compared")
        self.assertIn("geometric mean of all 6 cells", found)
        self.assertRegex(found, r"limit: \d+ GFLOP/s on 1 processor")


if __name__ == "__main__":
    unittest.main()
