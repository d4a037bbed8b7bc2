"""README.md and docs: links lead somewhere, every page is reachable, programs that are named exist."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import pages

SOURCE = pages.SOURCE
LINK = re.compile(r"\]\(([^()\s]+)\)")

# What runs the blocks that are not C++: each of these pages is named by the test beside it.
RUN_BY = {
    "docs/install.md": {"cmake": "tests/consumer/consumer_test.py"},
    "docs/guides/files.md": {"python": "tests/consumer/exchange_test.py", "julia": "tests/consumer/exchange_test.py"},
    "docs/guides/python.md": {"python": "tests/python/module_test.py"},
    "docs/benchmarks.md": {"python": "tests/comparison/compare_test.py"},
}


def prose(page):
    return re.sub(r"`[^`\n]*`", "", pages.FENCE.sub("", pages.text(page)))


def anchors(page):
    """What GitHub makes of the headings."""
    found = []
    for heading in re.findall(r"^#+ +(.*?) *#*$", pages.FENCE.sub("", pages.text(page)), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = sum(anchor == name or re.fullmatch(re.escape(name) + r"-\d+", anchor) is not None for anchor in found)
        found.append(f"{name}-{count}" if count else name)
    return found


def targets(page):
    """(link, file, anchor) of each relative link; the file is a path below the top, or None outside of it."""
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        file = Path(os.path.normpath(SOURCE / page / ".." / path)) if path else SOURCE / page
        yield link, file.relative_to(SOURCE).as_posix() if file.is_relative_to(SOURCE) else None, anchor


class DocsTest(unittest.TestCase):
    def test_relative_links_lead_to_a_file_and_to_a_heading_in_it(self):
        wrong, count = [], 0
        for page in pages.pages():
            for link, file, anchor in targets(page):
                count += 1
                if file is None or not (SOURCE / file).exists():
                    wrong.append(f"{page}: {link}: no such file")
                elif anchor and (not file.endswith(".md") or anchor not in anchors(file)):
                    wrong.append(f"{page}: {link}: no such heading")
        self.assertEqual(wrong, [])
        self.assertGreater(count, 50)

    def test_every_page_is_reached_from_the_readme(self):
        reached, waiting = set(), ["README.md"]
        while waiting:
            page = waiting.pop()
            if page in reached:
                continue
            reached.add(page)
            waiting += [file for _, file, _ in targets(page) if file and file.endswith(".md") and (SOURCE / file).exists()]
        self.assertEqual(sorted(set(pages.pages()) - reached), [])

    def test_the_readme_is_one_page_and_the_others_are_short(self):
        for page in pages.pages():
            lines = pages.text(page).count("\n")
            self.assertLessEqual(lines, 150 if page == "README.md" else 320, page)

    def test_every_link_of_a_page_is_written_on_one_line(self):
        # Else the tests above would not see it.
        for page in pages.pages():
            self.assertEqual(re.findall(r"\]\([^)\s]*\s[^)]*\)", prose(page)), [], page)

    def test_blocks_in_other_languages_are_run_by_a_test(self):
        for page in pages.pages():
            languages = {language for language, _ in pages.blocks(page)} - {"", "sh", "cpp"}
            self.assertEqual(languages, set(RUN_BY.get(page, {})), page)
            for test in RUN_BY.get(page, {}).values():
                self.assertIn(f'"{page}"', (SOURCE / test).read_text())

    def test_every_fence_is_closed_and_seen(self):
        for page in pages.pages():
            fences = len(re.findall(r"^```", pages.text(page), re.MULTILINE))
            self.assertEqual(fences, 2 * len(pages.blocks(page)), page)

    def test_programs_that_are_named_are_there(self):
        runnable = {"luxtorch", *(path.parent.name for path in SOURCE.glob("tutorials/*/main.cpp"))}
        runnable |= {path.name for path in SOURCE.glob("tools/bench/*") if path.is_dir()}
        for page in pages.pages():
            text = pages.text(page)
            for tool in set(re.findall(r"(?<![\w/.])tools/(\w+)(?= |`|\n)", text)):
                self.assertTrue((SOURCE / "tools" / tool).exists(), f"{page}: tools/{tool}")
            for name in set(re.findall(r"\btools/run ([a-z]\w*)", text)):
                self.assertIn(name, runnable, page)

    def test_files_that_are_named_are_there(self):
        wrong = []
        for page in pages.pages():
            for line in pages.FENCE.sub("", pages.text(page)).splitlines():
                # In a recipe's row, a name alone lies beside the file before it.
                recipe = page == "CONTRIBUTING.md" and line.startswith("| `")
                folder = None
                for name in re.findall(r"`([\w./-]+)`", line.split("|")[1] if recipe else line):
                    if re.match(r"(include|src|tests|tools|tutorials|docs)/", name):
                        path, folder = name, os.path.dirname(name)
                    elif recipe and folder and re.search(r"\.\w+$", name):
                        path = name if (SOURCE / name).exists() else f"{folder}/{name}"
                    else:
                        continue
                    if not re.search("NAME|TOPIC|NNN", path) and not (SOURCE / path).exists():
                        wrong.append(f"{page}: {path}")
        self.assertEqual(wrong, [])

    def test_the_table_of_levels_is_the_one_that_is_checked(self):
        command = [sys.executable, SOURCE / "tools/check_layers.py", "--table"]
        table = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True).stdout
        self.assertIn(table, pages.text("docs/architecture.md", "Levels"))

    def test_the_table_of_presets_has_them_all(self):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
        names = [preset["name"] for preset in presets if not preset.get("hidden")]
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", pages.text("docs/install.md", "With CMake"), re.MULTILINE), names)

    def test_the_version_of_the_citation_is_the_librarys(self):
        numbers = re.findall(r"define LUXTORCH_VERSION_[A-Z]+ (\d+)", (SOURCE / "include/luxtorch/version.h").read_text())
        self.assertIn(f"\nversion: {'.'.join(numbers)}\n", (SOURCE / "CITATION.cff").read_text())


if __name__ == "__main__":
    unittest.main()
