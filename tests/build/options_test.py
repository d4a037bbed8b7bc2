"""Configuring without the optional libraries, by preset, and what is said when a needed library is missing."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])


class OptionsTest(unittest.TestCase):
    def setUp(self):
        self.build = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.build)

    def configure(self, *arguments, absent=()):
        """(exit status, output in one line, the build file) of configuring our sources."""
        run = subprocess.run(
            [os.environ["LUXTORCH_CMAKE"], "-S", SOURCE, "-B", self.build, "-G", "Ninja",
             f"-DCMAKE_MAKE_PROGRAM={os.environ['LUXTORCH_NINJA']}", f"-DCMAKE_CXX_COMPILER={os.environ['LUXTORCH_CXX']}",
             f"-DLibTorch_FOUND_BEFORE={os.environ['LUXTORCH_LIBTORCH']}",
             *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in absent), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        ninja = self.build / "build.ninja"
        return run.returncode, " ".join(run.stdout.split()), ninja.read_text() if ninja.exists() else ""

    def test_every_preset_has_the_layouts_of_libtorchs_wheels(self):
        # NDEBUG changes the layout of at::RecordFunction; the checks of libstdc++ change none.
        for preset, checked in (("release", False), ("clang", False), ("dev", True), ("asan", True)):
            with self.subTest(preset=preset):
                status, output, ninja = self.configure("--fresh", f"--preset={preset}", "-DLUXTORCH_TESTS=OFF")
                self.assertEqual(status, 0, output)
                flags = [line for line in ninja.splitlines() if line.startswith("  FLAGS = ")]
                self.assertTrue(flags)
                self.assertEqual([line for line in flags if "-DNDEBUG" not in line.split()], [])
                self.assertEqual({"-D_GLIBCXX_ASSERTIONS" in line.split() for line in flags}, {checked})

    def test_without_googletest_everything_but_the_tests_is_built(self):
        for name in ("GTest", "rapidcheck"):
            with self.subTest(name=name):
                status, output, ninja = self.configure("--fresh", absent=[name])
                self.assertEqual(status, 0, output)
                self.assertIn("Tests: not built, they need GoogleTest and rapidcheck", output)
                self.assertTrue("libluxtorch" in ninja)
                self.assertFalse("core_test" in ninja)

    def test_without_cli11_and_google_benchmark_the_library_and_its_tests_are_built(self):
        status, output, ninja = self.configure(absent=["CLI11", "benchmark"])
        self.assertEqual(status, 0, output)
        self.assertIn("Tutorials: not built, they need CLI11 (libcli11-dev on Debian)", output)
        self.assertIn("The program luxtorch: not built, it needs CLI11 (libcli11-dev on Debian)", output)
        self.assertIn("google-benchmark (libbenchmark-dev on Debian)", output)
        self.assertTrue("core_test" in ninja)

    def test_without_hdf5_another_source_takes_the_writers_place(self):
        if not (SOURCE / "src/io/jld2/no_write.cpp").exists():
            self.skipTest("src/io holds no writer of JLD2 files")
        with_it, without = "src/io/jld2/write.cpp", "src/io/jld2/no_write.cpp"
        status, output, ninja = self.configure(absent=["HDF5"])
        self.assertEqual(status, 0, output)
        self.assertIn("HDF5: none, so jld2::save throws UnsupportedError (libhdf5-dev on Debian)", output)
        self.assertTrue(without in ninja)
        self.assertFalse(with_it in ninja)
        self.assertTrue(without in self.configure("--fresh", "-DLUXTORCH_WITH_HDF5=OFF")[2])

    def test_asking_for_hdf5_where_there_is_none_is_an_error(self):
        status, output, _ = self.configure("-DLUXTORCH_WITH_HDF5=ON", absent=["HDF5"])
        self.assertNotEqual(status, 0)
        self.assertIn("apt-get install libhdf5-dev", output)

    def test_a_missing_header_is_named_with_its_debian_package(self):
        libraries = (("nlohmann/json.hpp", "nlohmann-json3-dev", "LUXTORCH_JSON_INCLUDE"),
                     ("hwy/highway.h", "libhwy-dev", "LUXTORCH_HIGHWAY_INCLUDE"))
        for header, package, variable in libraries:
            with self.subTest(header=header):
                found = [f"-D{other}=/usr/include" for _, _, other in libraries if other != variable]
                status, output, _ = self.configure("--fresh", "-DCMAKE_SYSTEM_IGNORE_PATH=/usr/include", *found)
                self.assertNotEqual(status, 0)
                self.assertIn(f"{header} was not found. On Debian: apt-get install {package}", output)

    def test_without_openssl_and_random123_all_is_built_with_a_digest_of_our_own(self):
        for absent in ((), ("OpenSSL",)):
            with self.subTest(absent=absent):
                status, output, ninja = self.configure("--fresh", "-DCMAKE_UNITY_BUILD=OFF", absent=absent)
                self.assertEqual(status, 0, output)
                self.assertEqual("OpenSSL: none, so SHA-256 is plain C++ and slower (libssl-dev on Debian)" in output, bool(absent))
                self.assertEqual("luxtorch.dir/io/base/no_openssl.cpp.o" in ninja, bool(absent))
                self.assertEqual("luxtorch.dir/io/base/digest.cpp.o" in ninja, not absent)
                self.assertEqual("io/digest_openssl_test.cpp.o" in ninja, not absent)
                self.assertTrue("core_test" in ninja)
                self.assertFalse("random123" in (self.build / "CMakeCache.txt").read_text().lower())
                config = (self.build / "luxtorchConfig.cmake").read_text()
                self.assertIn(f'if("{"FALSE" if absent else "TRUE"}")\n    find_dependency(OpenSSL', config)


if __name__ == "__main__":
    unittest.main()
