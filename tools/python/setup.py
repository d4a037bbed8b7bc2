"""The package with the library of operators from this repository's build: build/release, or LUXTORCH_PRESET's.

Builds it by tools/build where it is missing. torch is what the environment has: it is no requirement that pip
would install, as it must be the one that the library was built with.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
PRESET = os.environ.get("LUXTORCH_PRESET", "release")
LIBRARY = ROOT / "build" / PRESET / "lib/libluxtorch_python.so"
SCRATCH = ROOT / "build/python"  # what setuptools leaves behind, out of the sources' way


def version():
    text = (ROOT / "include/luxtorch/version.h").read_text()
    return ".".join(re.findall(r"#define LUXTORCH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))


def operators():
    """The library of operators, which holds all of luxtorch that they need."""
    if not LIBRARY.exists():
        subprocess.run([ROOT / "tools/build", "luxtorch_python"], check=True)
    return LIBRARY


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            shutil.copy(operators(), Path(self.build_lib) / "luxtorch")


class PlatformWheel(bdist_wheel):
    """For any Python of this machine: the library knows none of Python's."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


SCRATCH.mkdir(parents=True, exist_ok=True)
setup(
    version=version(),
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
    distclass=WithLibrary,
    options={"build": {"build_base": str(SCRATCH)}, "egg_info": {"egg_base": str(SCRATCH)}},
)
