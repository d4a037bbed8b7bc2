"""tools/bench/limit and limits.py: what is measured has its figures, and no share passes the limit."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/limit"
sys.path.insert(0, str(BENCH))

import limits  # noqa: E402


@unittest.skipUnless(PROGRAM.exists(), "the measurements are not built (LUXTORCH_BENCH is off)")
class ProgramTest(unittest.TestCase):
    def run_with(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)

    def test_the_json_has_every_figure_of_one_processor_and_of_all(self):
        run = self.run_with("--json", "--milliseconds", "1", "--threads", "1")
        self.assertEqual(run.returncode, 0, run.stderr)
        found = json.loads(run.stdout)
        self.assertEqual(set(found), {"vectors", "threads", "fma", "memory"})
        self.assertEqual(found["threads"], 1)
        self.assertGreaterEqual(found["memory"].pop("array_bytes"), 64 << 20)
        rows = {**found["fma"], **found["memory"]}
        self.assertEqual(set(rows), {"float32", "float64", "read", "copy", "triad"})
        for name, row in rows.items():
            self.assertEqual(set(row), {"one", "all"}, name)
            self.assertGreater(min(row.values()), 0, name)

    def test_the_table_says_the_vectors_and_has_a_row_for_each_figure(self):
        run = self.run_with("--milliseconds", "1", "--only", "fma")
        self.assertRegex(run.stdout, r"vectors: \w+\n")
        self.assertRegex(run.stdout, r"float32, GFLOP/s +\d+\.\d +\d+\.\d\nfloat64, GFLOP/s +\d+\.\d +\d+\.\d\n$")

    def test_what_is_not_understood_is_named_with_what_would_be(self):
        for words, text in ((["--threads", "0"], '--threads takes a whole number from 1 to '), (["--only", "cache"], "no --only cache"),
                            (["--milliseconds"], '--milliseconds takes a whole number from 1 to 60000, got ""')):
            run = self.run_with(*words)
            self.assertEqual(run.returncode, 2)
            self.assertIn(text, run.stderr)
            self.assertIn("usage: limit", run.stderr)


class LimitTest(unittest.TestCase):
    def limit(self, *rates):
        """The limit of a made-up program that reports these rates, one each time."""
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = Path(temporary.name)
        for i, rate in enumerate(rates):
            (folder / str(i)).write_text(json.dumps({"vectors": "AVX2", "threads": 1, "fma": {"float32": {"one": rate, "all": rate}}}))
        program = folder / "limit"
        program.write_text(f"#!/bin/sh\nfile=$(ls {folder} | grep -v limit | sort | head -n 1)\ncat {folder}/$file\nrm {folder}/$file\n")
        program.chmod(0o755)
        return limits.Limit(program, threads=1)

    def test_the_best_of_several_measurements_counts(self):
        limit = self.limit(80, 100, 60)
        self.assertEqual(limit.rate, 80)
        for rate in (100, 100):
            limit.measure()
            self.assertEqual(limit.rate, rate)
        self.assertEqual(limit.words(), "limit: 100 GFLOP/s on 1 processor with AVX2 (multiply-adds in registers)")

    def test_what_is_faster_than_the_loop_is_the_limit_and_named(self):
        limit = self.limit(100, 110)
        limit.saw(90, "slow")
        self.assertEqual(limit.rate, 100)
        limit.saw(105, "oneDNN")
        self.assertEqual(limit.rate, 105)
        self.assertIn("105 GFLOP/s on 1 processor with AVX2 (reached by oneDNN, above its loop", limit.words())
        limit.measure()
        self.assertEqual((limit.rate, limit.raised_by), (110, None))

    def test_a_share_is_at_most_one(self):
        limit = self.limit(100)
        self.assertEqual(limit.share(operations=1000, ns=20), 0.5)
        self.assertEqual(limit.share(operations=1000, ns=5), 1)

    def test_without_the_program_there_are_no_shares_and_it_is_told(self):
        limit = limits.Limit("/no/such/limit", threads=1)
        limit.measure()
        limit.saw(1, "something")
        self.assertIsNone(limit.rate)
        self.assertIsNone(limit.share(1, 1))
        self.assertEqual(limit.words(), "skipped: the share of the limit: /no/such/limit is not built")


if __name__ == "__main__":
    unittest.main()
