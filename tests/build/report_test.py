"""tools/test_report.py: single tests are counted, skips are named with their reasons, crashes are not lost."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])

GTEST = """<testsuites><testsuite name="Tree">
  <testcase name="Fine" classname="Tree" result="completed"/>
  <testcase name="AlsoFine" classname="Tree" result="completed"/>
  <testcase name="Lazy" classname="Tree" result="skipped">
    <skipped message="tests/tree_test.cpp:12&#x0A;no GPU here"/></testcase>
  <testcase name="Filtered" classname="Tree" result="suppressed"/>
</testsuite></testsuites>"""
BROKEN = GTEST.replace('name="AlsoFine" classname="Tree" result="completed"/>',
                       'name="AlsoFine" classname="Tree" result="completed"><failure message="1 != 2"/></testcase>')


class ReportTest(unittest.TestCase):
    def report(self, entries, results):
        with tempfile.TemporaryDirectory() as folder:
            cases = "".join(f'<testcase name="{name}" status="{status}"/>' for name, status in entries.items())
            (Path(folder) / "ctest.xml").write_text(f"<testsuite>{cases}</testsuite>")
            for name, text in results.items():
                (Path(folder) / f"{name}.xml").write_text(text)
            run = subprocess.run([sys.executable, SOURCE / "tools/test_report.py", f"{folder}/ctest.xml", folder],
                                 capture_output=True, text=True)
            return run.returncode, run.stdout.splitlines()

    def test_single_tests_are_counted_and_skips_named(self):
        status, lines = self.report({"core.Tree": "run", "plain": "run"}, {"core.Tree": GTEST})
        self.assertEqual(lines, ["skipped: Tree.Lazy: no GPU here", "3 passed, 0 failed, 1 skipped"])
        self.assertEqual(status, 0)

    def test_a_failure_is_named_and_is_the_exit_status(self):
        status, lines = self.report({"core.Tree": "fail"}, {"core.Tree": BROKEN})
        self.assertEqual(lines[1:], ["FAILED: Tree.AlsoFine", "1 passed, 1 failed, 1 skipped"])
        self.assertEqual(status, 1)

    def test_a_crashed_program_counts_as_a_failure(self):
        for results in ({}, {"core.Tree": GTEST}, {"core.Tree": "<testsuites><te"}):
            status, lines = self.report({"core.Tree": "fail"}, results)
            self.assertIn("FAILED: core.Tree (the whole program)", lines)
            self.assertEqual(status, 1)

    def test_an_empty_run_is_no_success(self):
        self.assertEqual(self.report({}, {})[0], 1)


if __name__ == "__main__":
    unittest.main()
