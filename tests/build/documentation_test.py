"""Every public declaration has a comment that a documentation generator sees."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
UNDOCUMENTED = 0  # may only fall


@unittest.skipUnless(shutil.which("doxygen"), "doxygen is not installed")
class DocumentationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            options = f"{(SOURCE / 'docs/Doxyfile').read_text()}\nOUTPUT_DIRECTORY = {folder}\n"
            run = subprocess.run(["doxygen", "-"], input=options, cwd=SOURCE, capture_output=True, text=True)
            cls.files = list(Path(folder).glob("xml/*.xml"))
        cls.warnings = sorted(set(re.findall(r"^.*warning: .*$", run.stderr, re.M)))

    def test_the_headers_are_read(self):
        self.assertGreater(len(self.files), 100)
        self.assertTrue(any(p.name == "classluxtorch_1_1Tree.xml" for p in self.files))

    def test_no_more_declarations_than_before_have_no_comment(self):
        found = [w for w in self.warnings if w.endswith("is not documented.")]
        self.assertLessEqual(len(found), UNDOCUMENTED, "\n".join(found))
        self.assertEqual(len(found), UNDOCUMENTED, "fewer than before: lower UNDOCUMENTED in this file")

    def test_comments_are_well_formed(self):
        self.assertEqual([], [w for w in self.warnings if not w.endswith("is not documented.")])


if __name__ == "__main__":
    unittest.main()
