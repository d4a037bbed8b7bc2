"""A user's own project: it finds the installed package, or takes the sources with add_subdirectory.

The first program and what it prints are README.md's own text, its CMakeLists.txt is that of docs/install.md.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import pages

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
CMAKE = os.environ["LUXTORCH_CMAKE"]
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))

LISTS = """
cmake_minimum_required(VERSION 3.24)
project(consumer LANGUAGES CXX)
@LUXTORCH@
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE luxtorch::luxtorch)
"""
MAIN = """
#include <luxtorch/core/ops.h>
#include <luxtorch/version.h>
#include <iostream>
int main() { std::cout << luxtorch::version() << " " << luxtorch::ones({2, 3}).numel() << std::endl; }
"""


def run(*command, cwd=None, **environment):
    env = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    return subprocess.run([str(c) for c in command], cwd=cwd, env={**env, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def configure(folder, *arguments, **environment):
    return run(CMAKE, "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_BUILD_TYPE={CACHE['CMAKE_BUILD_TYPE']}",
               f"-DCMAKE_MAKE_PROGRAM={os.environ['LUXTORCH_NINJA']}",
               f"-DCMAKE_CXX_COMPILER={os.environ['LUXTORCH_CXX']}", *arguments, **environment)


LOSS = re.compile(r"(?<=loss )\S+")


@unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "a program without sanitizers cannot load a library with them")
class ConsumerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = cls.folder / "prefix"
        installed = run(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        assert installed.returncode == 0, installed.stdout

    def project(self, name, lists, main=MAIN):
        folder = self.folder / name
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(lists)
        (folder / "main.cpp").write_text(main)
        return folder

    def configured(self, folder, *arguments):
        result = configure(folder, *arguments)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def built_and_run(self, folder, program):
        built = run(CMAKE, "--build", folder / "build", "-j", "2")
        self.assertEqual(built.returncode, 0, built.stdout)
        result = run(*folder.glob(f"build/{program}"), cwd=folder)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_the_installed_package_is_found_and_its_program_runs(self):
        folder = self.project("installed", LISTS.replace("@LUXTORCH@", "find_package(luxtorch 0.1 REQUIRED)"))
        self.configured(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertRegex(self.built_and_run(folder, "consumer"), r"^0\.1\.\d+ 6\n$")

    def test_the_readmes_first_program_prints_what_the_readme_shows(self):
        lists = pages.block("docs/install.md", "Use it in your project", "cmake")
        folder = self.project("readme", lists, pages.block("README.md", "First program", "cpp"))
        program, source = re.search(r"add_executable\((\w+)\s+([\w.]+)", lists).groups()
        if source != "main.cpp":
            (folder / "main.cpp").rename(folder / source)
        self.configured(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        said, shown = self.built_and_run(folder, program), pages.block("README.md", "First program", "")
        self.assertEqual(LOSS.sub("", said), LOSS.sub("", shown))
        for ours, theirs in zip(LOSS.findall(said), LOSS.findall(shown), strict=True):
            self.assertAlmostEqual(float(ours), float(theirs), delta=0.05 * float(theirs))  # rounding is the machine's

    def test_a_newer_version_than_the_installed_one_is_not_found(self):
        folder = self.project("newer", LISTS.replace("@LUXTORCH@", "find_package(luxtorch 99 REQUIRED)"))
        result = configure(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn('version "99"', result.stdout)

    def test_another_libtorch_than_the_one_it_was_built_with_is_refused(self):
        from finder_test import make_tree

        other = make_tree(self.folder / "libtorch", "2.12.5")
        folder = self.project("other", LISTS.replace("@LUXTORCH@", "find_package(luxtorch REQUIRED)"))
        result = configure(folder, f"-DCMAKE_PREFIX_PATH={self.prefix}", LIBTORCH=str(other))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("but LibTorch 2.12.5 was found", " ".join(result.stdout.split()))

    def test_the_sources_can_be_a_part_of_a_users_project(self):
        lists = LISTS.replace("@LUXTORCH@", f'add_subdirectory("{SOURCE}" luxtorch)')
        folder = self.project("subdirectory", lists)
        found_before = f"-DLibTorch_FOUND_BEFORE={os.environ['LUXTORCH_LIBTORCH']}"
        output = self.configured(folder, found_before)
        # Neither our tests nor our tutorials are the user's.
        self.assertNotIn("Tests:", output)
        self.assertFalse((folder / "build/luxtorch/tests").exists())
        one = run(CMAKE, "--build", folder / "build", "--target", "luxtorch/src/CMakeFiles/luxtorch.dir/core/error.cpp.o")
        self.assertEqual(one.returncode, 0, one.stdout)
        # CCACHE_BASEDIR makes the commands of two build folders differ; a unity build has other files.
        remembered = (CACHE.get("LUXTORCH_CCACHE", "").endswith("ccache") and "CCACHE_BASEDIR" not in os.environ
                      and CACHE.get("CMAKE_UNITY_BUILD") != "ON")
        if not remembered:
            self.skipTest("configured, and one source compiled; the whole library only where ccache remembers it")
        self.assertRegex(self.built_and_run(folder, "consumer"), r"^0\.1\.\d+ 6\n$")


if __name__ == "__main__":
    unittest.main()
