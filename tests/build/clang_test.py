"""A user of Clang: the header of everything and README.md's first program compile without a warning, and the program runs."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pages

SOURCE = pages.SOURCE
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
LIBRARY = Path(os.environ["LUXTORCH_LIBRARY"])
TORCH = Path(os.environ["LUXTORCH_LIBTORCH"])
CLANG = shutil.which("clang++")
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))


@unittest.skipUnless(CLANG, "clang++ is not there (clang on Debian)")
class ClangTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def compiles_silently(self, code, *arguments):
        source = self.folder / "main.cpp"
        source.write_text(code)
        result = subprocess.run(
            [CLANG, "-std=c++20", "-Wall", "-Wextra", f"-I{SOURCE}/include", "-isystem", TORCH / "include",
             "-isystem", TORCH / "include/torch/csrc/api/include", source, *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_the_header_of_everything_compiles_without_a_warning(self):
        self.compiles_silently("#include <luxtorch/luxtorch.h>\n", "-fsyntax-only")

    def test_the_first_program_compiles_without_a_warning_and_prints_its_table(self):
        if CACHE.get("LUXTORCH_SANITIZE"):
            self.skipTest("a program without sanitizers cannot load a library with them")
        if ".so" not in LIBRARY.name:
            self.skipTest("luxtorch was built as a static library")
        program = self.folder / "first"
        self.compiles_silently(
            pages.block("README.md", "First program", "cpp"), "-o", program, LIBRARY, f"-L{TORCH}/lib", "-ltorch_cpu",
            "-lc10", f"-Wl,-rpath,{LIBRARY.parent}", f"-Wl,-rpath,{TORCH}/lib")
        env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        result = subprocess.run([program], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)
        table, _, losses = pages.block("README.md", "First program", "").partition("\n\n")
        self.assertEqual(result.stdout.partition("\n\n")[0], table)
        self.assertEqual(result.stdout.count("\nstep "), f"\n{losses}".count("\nstep "), result.stdout)


if __name__ == "__main__":
    unittest.main()
