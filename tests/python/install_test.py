"""pip install ./tools/python, and what an import says where the libraries do not fit."""

import ast
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import LIBRARY, SOURCE

RUN = """
import luxtorch, torch
lstm = luxtorch.nn.LSTM(4, 8)
lstm(torch.ones(5, 3, 4))[0].sum().backward()
print(luxtorch.__file__, luxtorch.__version__, luxtorch.nn.last_path().kernels)
print(*(line.split()[-1] for line in open("/proc/self/maps") if "libluxtorch" in line))
"""


def has(package, major):
    try:
        return int(importlib.metadata.version(package).split(".")[0]) >= major
    except importlib.metadata.PackageNotFoundError:
        return False


def python(program, folder, cwd, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("LUXTORCH_LIBRARY", "PYTHONPATH", "LD_LIBRARY_PATH")}
    return subprocess.run([sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True,
                          env={**env, "PYTHONPATH": str(folder), **environment})


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def package(self):
        """The package's Python files alone."""
        return shutil.copytree(SOURCE / "tools/python/luxtorch", self.folder / "luxtorch",
                               ignore=shutil.ignore_patterns("*.so*", "__pycache__"))

    def said(self, **environment):
        run = python("import luxtorch", self.folder, self.folder, **environment)
        self.assertNotEqual(run.returncode, 0)
        return run.stderr.strip().splitlines()[-1]

    def test_an_installed_package_needs_nothing_of_the_repository(self):
        if not has("pip", 22) or not has("setuptools", 77):
            self.skipTest("this Python has no pip, or no setuptools that knows licenses")
        repository = self.folder / "repository"
        (repository / "include").mkdir(parents=True)
        shutil.copytree(SOURCE / "include/luxtorch", repository / "include/luxtorch")
        shutil.copytree(SOURCE / "tools/python", repository / "tools/python",
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(LIBRARY.parent, repository / "build/release/lib", symlinks=True,
                        ignore=shutil.ignore_patterns("*.a"))
        installed = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-build-isolation", "--no-deps",
             "--no-index", "--target", self.folder / "site", repository / "tools/python"],
            capture_output=True, text=True, env={**os.environ, "LUXTORCH_PRESET": "release"})
        self.assertEqual(installed.returncode, 0, installed.stdout + installed.stderr)
        self.assertFalse([p for p in (repository / "tools/python").iterdir()
                          if p.name not in ("luxtorch", "pyproject.toml", "setup.py")])
        repository.rename(self.folder / "away")
        run = python(RUN, self.folder / "site", "/")
        self.assertEqual(run.returncode, 0, run.stderr)
        said, loaded = run.stdout.splitlines()
        self.assertRegex(said, r"site/luxtorch/__init__\.py \d+\.\d+\.\d+ True$")
        self.assertEqual({str(Path(p).parent) for p in loaded.split()}, {str(self.folder / "site/luxtorch")})
        self.assertTrue({"py.typed", "nn.pyi"} <= {p.name for p in (self.folder / "site/luxtorch").iterdir()})

    def test_types_name_what_there_is(self):
        stub, module = (ast.parse((SOURCE / "tools/python/luxtorch" / name).read_text()) for name in ("nn.pyi", "nn.py"))
        names = [next(ast.literal_eval(node.value) for node in tree.body
                      if isinstance(node, ast.Assign) and node.targets[0].id == "__all__") for tree in (stub, module)]
        self.assertEqual(names[0], names[1])
        typed = {node.name for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        self.assertEqual(typed, set(names[0]))

    def test_the_sources_find_the_library_that_an_environment_variable_names(self):
        for named in (LIBRARY.parent, LIBRARY):
            run = python(RUN, SOURCE / "tools/python", self.folder, LUXTORCH_LIBRARY=str(named))
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("True", run.stdout)

    def test_the_cpp_library_alone_brings_no_operators(self):
        run = python(f"import ctypes, torch; ctypes.CDLL({str(LIBRARY.parent / 'libluxtorch.so')!r}); "
                     "print(hasattr(torch.ops.luxtorch, 'recurrent'))", self.folder, self.folder)
        self.assertEqual(run.stdout.strip(), "False", run.stderr)

    def test_without_the_library_the_import_says_how_to_get_it(self):
        self.package()
        self.assertRegex(self.said(), r"ImportError: luxtorch: libluxtorch_python.so is in none of: .*/luxtorch. "
                                      r"Build it by `tools/build luxtorch_python`")

    def test_a_library_of_another_torch_is_refused_by_both_names(self):
        package = self.package()
        content = LIBRARY.read_bytes()
        mark = b"luxtorch was built with torch "
        at = content.index(mark) + len(mark)
        (package / LIBRARY.name).write_bytes(content[:at] + b"1" + content[at + 1:])
        self.assertRegex(self.said(), r"ImportError: .*libluxtorch_python.so was built with torch 1\.\S+, and this is "
                                      r"torch \d.*Install torch 1\..* or build luxtorch again with this one")

    def test_a_library_that_cannot_be_loaded_is_an_import_error_too(self):
        package = self.package()
        (package / LIBRARY.name).write_bytes(LIBRARY.read_bytes()[:100_000])
        self.assertRegex(self.said(), r"ImportError: luxtorch: ")


if __name__ == "__main__":
    unittest.main()
