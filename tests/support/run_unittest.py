"""Runs one file of unittest cases and writes their results as GoogleTest's XML.

    run_unittest.py FILE.py RESULT.xml

The file's folder and tests/build are on the module path. The exit status is 1 when a test failed.
"""

import importlib.util
import os
import sys
import unittest
import xml.etree.ElementTree as ET


class Recorder(unittest.TextTestResult):
    """Keeps (test, outcome, reason) of every single test, subtests counted with their test."""

    def __init__(self, *args):
        super().__init__(*args)
        self.rows = {}

    def startTest(self, test):
        super().startTest(test)
        self.rows[test.id()] = ("passed", "")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.rows[test.id()] = ("skipped", reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.rows[test.id()] = ("failed", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self.rows[test.id()] = ("failed", repr(err[1]))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.rows[test.id()] = ("failed", f"{subtest}: {err[1]}")


def write_xml(rows, path):
    suites = ET.Element("testsuites", name="AllTests")
    suite = ET.SubElement(suites, "testsuite", name="python")
    for test_id, (outcome, reason) in rows.items():
        *_, class_name, name = test_id.split(".")
        result = "skipped" if outcome == "skipped" else "completed"
        case = ET.SubElement(suite, "testcase", name=name, classname=class_name, result=result)
        if outcome == "skipped":
            ET.SubElement(case, "skipped", message=reason)
        elif outcome == "failed":
            ET.SubElement(case, "failure", message=reason)
    ET.ElementTree(suites).write(path)


def main():
    source, result_path = sys.argv[1:3]
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:0] = [os.path.dirname(os.path.abspath(source)), os.path.join(tests, "build")]
    spec = importlib.util.spec_from_file_location(os.path.basename(source)[:-3], source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(resultclass=Recorder, verbosity=0).run(tests)
    write_xml(result.rows, result_path)
    if not result.testsRun:
        sys.exit(f"{source} holds no test")
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
