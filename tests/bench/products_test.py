"""tools/bench/products: its table, JSON and picture with made-up columns, and that the real ones agree."""

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

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
sys.path[:0] = [str(BENCH), str(BENCH / "products")]

import products  # noqa: E402

COLUMN = """
    import turns

    MISSING = {"mkldnn": "this LibTorch has no operator mkldnn"}

    def open_problem(words, what):
        if name in MISSING:
            raise RuntimeError(MISSING[name])
        return lambda: (lambda: None, lambda: {"wrong": 2.0}.get(name, 1.0))

    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name:
        turns.take("made up", open_problem, threads=1)
    else:
        print(" ".join(NAMES))
"""
LIMIT = """#!/bin/sh
echo '{"vectors": "AVX2", "threads": 1, "fma": {"float32": {"one": 0.001, "all": 0.001}}}'
"""


class DriverTest(unittest.TestCase):
    def run_with(self, names, *arguments):
        with tempfile.TemporaryDirectory() as build:
            for path, text in (("bench/products/column", f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(BENCH)!r})\n"
                                f"NAMES = {names!r}\n" + textwrap.dedent(COLUMN)), ("bin/limit", LIMIT)):
                program = Path(build) / path
                program.parent.mkdir(parents=True)
                program.write_text(text)
                program.chmod(0o755)
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                status = products.main(["--programs", str(Path(build) / "bench/products"), "--threads", "1", "--rounds", "1",
                                        "--shape", "2,3,4", *arguments])
            return status, out.getvalue(), err.getvalue()

    def test_the_json_has_every_product_and_no_share_passes_the_limit(self):
        with tempfile.TemporaryDirectory() as folder:
            file, drawn, again = (Path(folder) / name for name in ("found.json", "drawn.svg", "again.svg"))
            status, out, err = self.run_with(["one", "two"], "--json", str(file), "--picture", str(drawn))
            self.assertEqual(status, 0, err)
            (run,) = json.loads(file.read_text())["runs"]
            self.assertEqual(self.run_with([], "--from", str(file), "--picture", str(again))[0], 0)
            self.assertEqual(drawn.read_text(), again.read_text())
            svg = ET.parse(drawn)
        self.assertEqual([row["way"] for row in run["rows"]], ["forward", "input_gradient", "weight_gradient"])
        shares = [share for row in run["rows"] for share in row["share"].values()]
        self.assertEqual(max(shares), 1)
        self.assertEqual(len(shares), 6)
        self.assertEqual(len(svg.findall("{http://www.w3.org/2000/svg}circle")), 6 + 2)  # and the columns' names
        self.assertRegex(out, r"limit: \d+ GFLOP/s on 1 processor with AVX2 \(reached by (one|two), .* of \(2, 3, 4\), above")
        self.assertRegex(out, r"    2     3     4  x w'    +\d+\.\d +\d+\.\d% +\d+\.\d +\d+\.\d%  (one|two), \d+\.\d\d\n")

    def test_a_column_without_its_operator_says_so(self):
        status, out, err = self.run_with(["one", "mkldnn"])
        self.assertEqual(status, 0, err)
        self.assertIn("skipped: mkldnn: RuntimeError: this LibTorch has no operator mkldnn\n", out)
        self.assertRegex(out, r"x w' +\d+\.\d +\d+\.\d% +-  one\n")

    def test_products_that_differ_are_not_measured(self):
        status, out, err = self.run_with(["one", "two", "wrong"])
        self.assertEqual(status, 1)
        self.assertIn("wrong: the first value is 2, the others' is 1", err)
        self.assertNotIn("GFLOP/s", out)

    def test_a_shape_that_is_none_is_refused(self):
        for shape in ("2,3", "2,3,0", "a,b,c"):
            with self.assertRaises(SystemExit), redirect_stderr(io.StringIO()) as err:
                products.main(["--programs", "", "--shape", shape])
            self.assertIn("--shape", err.getvalue())


class ColumnsTest(unittest.TestCase):
    def test_the_columns_of_this_build_compute_the_same(self):
        if not (BUILD / "bench/products/column").exists():
            self.skipTest("the measurements are not built (LUXTORCH_BENCH is off)")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "found.json"
            run = subprocess.run(
                [BUILD / "bin/products", "--threads", "1", "--rounds", "1", "--shape", "5,7,9", "32,128,512", "--json", file],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "LUXTORCH_PYTHON": sys.executable})
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            (found,) = json.loads(file.read_text())["runs"]
        self.assertEqual(len(found["rows"]), 2 * 3)
        for row in found["rows"]:
            self.assertEqual(set(row["gflops"]) | set(found["missing"]), set(found["columns"]))
            self.assertIn("at::linear", row["gflops"])
            self.assertLessEqual(max(row["share"].values()), 1)


if __name__ == "__main__":
    unittest.main()
