"""tools/compare as a person runs it: cases of luxtorch, cases of one's own, and one that differs."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pages

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
PROGRAM = BUILD / "bin/comparison"
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
HAS_OPERATORS = (BUILD / "lib/libluxtorch_python.so").exists()

# The page's case, but for one number.
WRONG_CPP = """
const Registration other("mine/other", [] {
  return Case{Gate{16, 1.5}, MSELoss{}};
});
"""


def example(language):
    return pages.block("docs/benchmarks.md", "A case of your own", language)


@unittest.skipUnless(importlib.util.find_spec("torch"), "this Python has no PyTorch")
@unittest.skipUnless(PROGRAM.exists(), "the comparison is not built (LUXTORCH_BENCH)")
class CompareTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.files = ["--json", self.folder / "found.json", "--page", self.folder / "page.html"]

    def ends(self, status, *command):
        result = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, "OMP_NUM_THREADS": "1", "LUXTORCH_LIBRARY": str(BUILD / "lib")})
        self.assertEqual(result.returncode, status, result.stdout)
        return result.stdout

    def compare(self, *arguments, status=0):
        return self.ends(status, sys.executable, SOURCE / "tools/comparison/compare.py", "--program", PROGRAM,
                         "--python-path", SOURCE / "tools/python", "--threads", 1, *self.files, *arguments)

    def found(self):
        return json.loads((self.folder / "found.json").read_text())

    def test_all_cases_agree_over_twenty_steps(self):
        all_cases = self.compare("--list").splitlines()
        large = [case for case in all_cases if case.startswith(("models/char_", "models/resnet20"))]
        self.agree_over(20, [case for case in all_cases if case not in large],
                        ["models/spiral_lstm", "layers/dense", "layers/max_pool"])  # the last has no parameters
        # Loops over cells take longer than all else; the cases above have them.
        self.agree_over(5, large, ["models/char_lstm", "models/char_gru", "models/char_transformer", "models/resnet20"],
                        "--no-loops")

    def agree_over(self, steps, cases, some, *more):
        self.compare("--values-only", "--steps", steps, *more, "--case", *cases)
        found = self.found()
        names = {c["name"] for c in found["cases"]}
        self.assertEqual(names, {case.split()[0] for case in cases})
        self.assertLessEqual(set(some), names)
        recurrent = {c["name"] for c in found["cases"] if c["recurrent"]}
        self.assertTrue(recurrent & set(some))
        for case in found["cases"]:
            self.assertEqual(case["wrong"], [])
            if case["random"]:
                continue
            if case["recurrent"] and HAS_OPERATORS:
                for dtype in ("float64", "float32"):
                    self.assertEqual(set(case["values"][dtype]["python"]["gradients"]),
                                     set(case["values"][dtype]["gradients"]))
            for dtype, limit in (("float64", 1e-10), ("float32", 2e-5)):
                values = case["values"][dtype]
                for part in ("outputs", "gradients"):
                    self.assertTrue(values[part])
                    for name, difference in values[part].items():
                        self.assertLessEqual(difference, limit, (case["name"], dtype, name))
            self.assertEqual(len(case["values"]["float64"]["curves"]["luxtorch"]), steps)
            self.assertLessEqual(case["values"]["float64"]["losses"]["first"]["difference"], 1e-10, case["name"])
        page = (self.folder / "page.html").read_text()
        for name in names:
            self.assertIn(name, page)

    def test_spirals_agree_over_two_hundred_steps(self):
        self.compare("--case", "models/spiral*", "--values-only", "--no-loops", "--dtype", "float64")
        self.assertEqual(len(self.found()["cases"]), 9)
        for case in self.found()["cases"]:
            curves = case["values"]["float64"]["curves"]
            self.assertEqual(len(curves["luxtorch"]), 200)
            self.assertLess(curves["luxtorch"][-1], curves["luxtorch"][0], "it has not learned anything")
            self.assertLessEqual(case["values"]["float64"]["losses"]["all"]["difference"], 1e-8, case["name"])

    def test_times_are_those_of_every_competitor_that_can_run(self):
        said = self.compare("--case", "layers/dense adam", "--against", "--rounds", 2, "--dtype", "float32", "--steps", 3)
        times = self.found()["cases"][0]["times"]
        self.assertEqual(times["dtype"], "float32")
        self.assertEqual(set(times["rows"]), {"luxtorch", "PyTorch"})
        for row in times["rows"].values():
            for what in ("step", "forward"):
                self.assertGreater(row[what]["minimum_ms"], 0)
                self.assertGreaterEqual(row[what]["median_ms"], row[what]["minimum_ms"])
            self.assertGreater(row["first_step_s"], 0)
            self.assertGreater(row["peak_mb"], 10)
        self.assertEqual(times["rows"]["luxtorch"]["step"]["ratio"], 1)
        self.assertIn("layers/dense", said)

    @unittest.skipUnless(importlib.util.find_spec("jax"), "this Python has no JAX")
    def test_jax_computes_the_same_losses(self):
        said = self.compare("--case", "models/spiral_gru adamw", "--against", "JAX", "--rounds", 2, "--dtype", "float64",
                            "--steps", 3)
        rows = self.found()["cases"][0]["times"]["rows"]
        self.assertIn("JAX", rows, said)
        self.assertGreater(rows["JAX"]["step"]["minimum_ms"], 0)
        self.assertIn("Not measured: JAX, forward", said)

    def test_a_name_that_no_case_has_lists_those_there_are(self):
        said = self.compare("--case", "dense", "no_such", status=2)
        self.assertIn("no case is called no_such", said)
        self.assertIn("models/spiral_lstm adam\n", said)

    def test_a_name_with_its_optimiser_is_that_case_alone(self):
        said = self.compare("--case", "models/spiral_lstm adam", "--list")
        self.assertEqual(said, "models/spiral_lstm adam\n")

    @unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "a program without sanitizers cannot load a library with them")
    def test_a_case_of_ones_own_as_its_page_has_it(self):
        if BUILD.parent != SOURCE / "build":
            self.skipTest("tools/compare builds in build/PRESET only")
        cases = self.folder / "cases"
        cases.mkdir()
        cpp, python = example("cpp"), example("python")
        (cases / "gate.cpp").write_text(cpp)
        (cases / "gate.py").write_text(python)
        (cases / "other.cpp").write_text(cpp[: cpp.index("const Registration")] + WRONG_CPP + "}  // namespace\n")
        (cases / "other.py").write_text(python.replace("mine/gate", "mine/other"))
        command = ["env", f"LUXTORCH_PRESET={BUILD.name}", SOURCE / "tools/compare", "--cases", cases, *self.files,
                   "--values-only", "--threads", 1]
        self.ends(0, *command, "--case", "mine/gate")
        self.assertLess(self.found()["cases"][0]["values"]["float64"]["losses"]["all"]["difference"], 1e-12)

        said = self.ends(1, *command)
        self.assertRegex(said, r"mine/gate adam: agrees")
        self.assertRegex(said, r"mine/other adam: differs")
        self.assertRegex(said, r"float64: output y differs by 0\.\d+, at most 1e-10 is expected")
        self.assertEqual([bool(c["wrong"]) for c in self.found()["cases"]], [False, True])

        (cases / "other.py").unlink()
        self.assertRegex(self.ends(1, *command), r"not written on both sides: mine/other \(no Python function\)")


if __name__ == "__main__":
    unittest.main()
