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
