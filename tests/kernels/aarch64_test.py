"""The kernels on aarch64: compiled by a cross compiler, run under an emulator."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
FOLDER = BUILD / "test-tmp" / "kernels_aarch64"
COMPILER = shutil.which("aarch64-linux-gnu-g++")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


def run(*command):
    """The status of a command and what it printed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@unittest.skipUnless(COMPILER, "no cross compiler (on Debian: apt-get install g++-aarch64-linux-gnu)")
class Aarch64Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cache = (BUILD / "CMakeCache.txt").read_text()
        highway = re.search(r"^LUXTORCH_HIGHWAY_INCLUDE:\w+=(.*)$", cache, re.MULTILINE).group(1)
        options = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={COMPILER}",
                   f"-DCMAKE_MAKE_PROGRAM={os.environ['LUXTORCH_NINJA']}", f"-DLUXTORCH_HIGHWAY_INCLUDE={highway}"]
        if shutil.which("ccache"):
            options.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        cmake = os.environ["LUXTORCH_CMAKE"]
        cls.status, cls.words = run(cmake, "-G", "Ninja", "-S", SOURCE / "tests/kernels/aarch64", "-B", FOLDER, *options)
        if cls.status == 0:
            cls.status, cls.words = run(cmake, "--build", FOLDER, "-j", os.environ.get("LUXTORCH_JOBS", "1"))

    def test_the_kernels_compile_without_a_warning(self):
        self.assertEqual(self.status, 0, self.words)

    def test_the_kernels_compute_what_plain_loops_compute(self):
        if self.status:
            self.fail("the kernels did not compile")
        if not EMULATOR:
            self.skipTest("no emulator (on Debian: apt-get install qemu-user-static)")
        status, words = run(EMULATOR, FOLDER / "kernels_test")
        self.assertEqual(status, 0, words)
        self.assertIn("passed RecurrentKernels.", words)


if __name__ == "__main__":
    unittest.main()
