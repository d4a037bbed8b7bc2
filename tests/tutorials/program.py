"""A tutorial's program, run as a person runs it, in a folder of its own."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path


class ProgramTest(unittest.TestCase):
    program = None  # its path
    environment = {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_it(self, *arguments, ok=True, **environment):
        result = subprocess.run([self.program, *arguments], cwd=self.folder, text=True, capture_output=True,
                                env={**os.environ, **self.environment, **environment})
        if ok:
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def refuses(self, *wrong):
        """Each of these command lines ends with status 2 and the name of its option; a folder for pictures that is a file with 1."""
        for arguments in wrong:
            result = self.run_it(*arguments, ok=False)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn(arguments[0], result.stderr)
        (self.folder / "file").write_text("")
        result = self.run_it("--plots", self.folder / "file", ok=False)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, rf"^{self.program.name}: .*expected a folder to write pictures to, got .*\n$")

    def pictures(self, *arguments):
        """Runs with --plots, and returns the folder with the numbers and the picture. Without gnuplot there are the numbers alone."""
        out = self.run_it(*arguments, "--plots", "without", PATH=str(self.folder)).stdout
        self.assertIn("apt-get install gnuplot-nox", out)
        self.assertTrue(list((self.folder / "without").glob("*.csv")))
        out = self.run_it(*arguments, "--plots", "pictures").stdout
        if "For a picture install gnuplot" in out:
            self.skipTest("gnuplot is not installed (gnuplot-nox)")
        folder = self.folder / "pictures"
        self.assertEqual((folder / (self.program.name + ".png")).read_bytes()[:4], b"\x89PNG")
        return folder
