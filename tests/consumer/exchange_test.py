"""The sections "Julia" and "Python" of docs/guides/files.md: their C++ is compiled and run, Python runs on the files that it
wrote, and Julia's @load finds in them what it names."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pages

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
LIBRARY = Path(os.environ["LUXTORCH_LIBRARY"])
LIBTORCH = Path(os.environ["LUXTORCH_LIBTORCH"])
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
CACHE = dict(re.findall(r"^(\w+):\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE))
HAS_HDF5 = CACHE.get("LUXTORCH_WITH_HDF5") != "OFF" and CACHE.get("HDF5_CXX_LIBRARY_hdf5_cpp", "").startswith("/")
MAIN = """
#include <luxtorch/luxtorch.h>
#include <iostream>
#include <string_view>
namespace lux = luxtorch;
%s
int main(int, char** argv) {
  std::string_view call = argv[1];
%s}
"""


@unittest.skipUnless(HAS_HDF5, "a build without HDF5")
@unittest.skipIf(CACHE.get("LUXTORCH_SANITIZE"), "the program would need the sanitizers, too")
class ExchangeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_in_folder(self, *command, **environment):
        result = subprocess.run(command, cwd=self.folder, text=True, capture_output=True, env={**os.environ, **environment})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def compile(self, code):
        """The blocks, with a main() that calls the function of a name with the arguments after it."""
        calls = ""
        for name, parameters in re.findall(r"^void (\w+)\((.*)\) {$", code, re.MULTILINE):
            calls += f'  if (call == "{name}") {name}({"argv[2]" if parameters else ""});\n'
        (self.folder / "main.cpp").write_text(MAIN % (code, calls))
        flags = [f"-isystem{i}" for i in (SOURCE / "include", LIBTORCH / "include", LIBTORCH / "include/torch/csrc/api/include")]
        abi = CACHE.get("CMAKE_CXX_FLAGS", "").split()
        self.run_in_folder(os.environ["LUXTORCH_CXX"], "-std=c++20", "-O0", *abi, *flags, "main.cpp", LIBRARY, f"-L{LIBTORCH}/lib",
                           "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{LIBRARY.parent}", f"-Wl,-rpath,{LIBTORCH}/lib", "-o", "main")
        return lambda *arguments: self.run_in_folder("./main", *arguments)

    def test_what_is_saved_for_julia_has_what_load_names_and_lux_files_come_in(self):
        found = pages.blocks("docs/guides/files.md", "Julia")
        call = self.compile("".join(code for kind, code in found if kind == "cpp"))
        call("save_for_julia")
        julia = "".join(code for kind, code in found if kind == "julia")
        file, names = re.search(r'^@load "([^"]+)" ([\w ]+?) *(?:#.*)?$', julia, re.MULTILINE).groups()
        held = self.run_in_folder(sys.executable, SOURCE / "tools/verify_jld2.py", "--json", file)
        held = json.loads(held[held.index("{"):])
        text = json.dumps(held)
        for name in names.split():
            self.assertIn(f'"{name}"', text)
        # Embedding(68 => 16): (16, 68) in Lux.
        self.assertIn("weight_ih", text)
        self.assertIn("[16, 68]", text)
        self.assertEqual(call("load_from_julia", file), "[128, 68]\n")

    def test_what_is_saved_for_python_runs_there_and_comes_back(self):
        for module in ("h5py", "numpy", "safetensors", "torch"):
            if importlib.util.find_spec(module) is None:
                self.skipTest(f"Python has no {module} (tools/setup --test installs it)")
        found = pages.blocks("docs/guides/files.md", "Python")
        self.assertEqual([kind for kind, _ in found], ["cpp", "python", "python", "python", "cpp"])
        call = self.compile("".join(code for kind, code in found if kind == "cpp"))
        call("save_for_python")
        code = "".join(code for kind, code in found if kind == "python")
        said = self.run_in_folder(sys.executable, "-c", code)
        self.assertEqual(said, "['layer_1', 'layer_2'] (1, 8)\n")
        total = self.run_in_folder(sys.executable, "-c", "import numpy; print(numpy.load('y.npy').sum())")
        self.assertAlmostEqual(float(call("load_from_python")), float(total), places=4)


if __name__ == "__main__":
    unittest.main()
