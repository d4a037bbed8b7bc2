#!/usr/bin/env python3
"""Counts the single tests of a ctest run and names each skipped one with its reason.

    test_report.py CTEST.xml RESULTS_DIR

CTEST.xml is what `ctest --output-junit` wrote; RESULTS_DIR holds an ENTRY.xml for each entry that
knows its single tests. An entry without one counts as one test. A ctest entry that failed counts at
least one failure, so a program that crashed is never lost. The last line is
`N passed, N failed, N skipped`; the exit status is 1 when a test failed or none ran.
"""

import os
import sys
import xml.etree.ElementTree as ET


def read_entry(path):
    """(passed, [failed names], [(skipped name, reason)]) of an ENTRY.xml; None when it is damaged."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return None
    passed, failed, skipped = 0, [], []
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None:
            failed.append(name)
        elif skip is not None or case.get("result") == "skipped":
            # GoogleTest puts `file:line` on a line before the reason.
            lines = ((skip.get("message") if skip is not None else "") or "").splitlines()
            if len(lines) > 1 and lines[0].rpartition(":")[2].isdigit():
                lines = lines[1:]
            skipped.append((name, " ".join(lines).strip() or "no reason given"))
        elif case.get("result", "completed") == "completed":
            passed += 1
    return passed, failed, skipped


def collect(ctest_xml, results_dir):
    passed, failed, skipped = 0, [], []
    for entry in ET.parse(ctest_xml).getroot().iter("testcase"):
        name = entry.get("name")
        status = entry.get("status")
        if status == "disabled":
            continue
        single = read_entry(os.path.join(results_dir, name + ".xml"))
        if single:
            passed += single[0]
            failed += single[1]
            skipped += single[2]
        if status == "fail" and not (single and single[1]):
            failed.append(f"{name} (the whole program)")
        elif not single and status == "notrun":
            reason = entry.find("skipped")
            skipped.append((name, reason.get("message") if reason is not None else "not run"))
        elif not single and status == "run":
            passed += 1
    return passed, failed, skipped


def main():
    passed, failed, skipped = collect(sys.argv[1], sys.argv[2])
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name in failed:
        print(f"FAILED: {name}")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    sys.exit(1 if failed or passed + len(skipped) == 0 else 0)


if __name__ == "__main__":
    main()
