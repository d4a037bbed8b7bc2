"""What the built library asks of the loader."""

import os
import re
import subprocess
import unittest

LIBRARY = os.environ["LUXTORCH_LIBRARY"]


class LibraryTest(unittest.TestCase):
    def setUp(self):
        if ".so" not in LIBRARY:
            self.skipTest("luxtorch was built as a static library")
        try:
            self.loaded = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=True).stdout
        except FileNotFoundError:
            self.skipTest("ldd is not there")

    def test_everything_that_it_needs_is_found(self):
        self.assertNotIn("not found", self.loaded)
        self.assertRegex(self.loaded, r"libtorch_cpu\.so")

    def test_one_openmp_runtime_is_loaded_and_no_second(self):
        runtimes = re.findall(r"=> (\S*lib(?:gomp|omp|iomp5)\S*)", self.loaded)
        self.assertEqual(len({os.path.realpath(r) for r in runtimes}), 1, runtimes)

    def test_no_fmt_and_no_second_libtorch_is_loaded(self):
        self.assertNotRegex(self.loaded, r"libfmt")
        torches = re.findall(r"=> (\S*libtorch_cpu\.so\S*)", self.loaded)
        self.assertEqual(len(torches), 1, torches)


if __name__ == "__main__":
    unittest.main()
