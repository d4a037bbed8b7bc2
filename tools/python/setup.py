"""The package with the libraries of this repository's build: build/release, or LUXTORCH_PRESET's.

Builds them by tools/build where they are missing. torch is what the environment has: it is no requirement that pip
would install, as it must be the one that the libraries were built with.
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
LIBRARIES = ROOT / "build" / PRESET / "lib"
SCRATCH = ROOT / "build/python"  # what setuptools leaves behind, out of the sources' way


def version():
    text = (ROOT / "include/luxtorch/version.h").read_text()
    return ".".join(re.findall(r"#define LUXTORCH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text))


def libraries():
    """{name in the package: file}. The library's own file has a version in its name that no loader asks for."""
    operators = LIBRARIES / "libluxtorch_python.so"
    if not operators.exists():
        subprocess.run([ROOT / "tools/build", "luxtorch_python"], check=True)
    name = "libluxtorch.so." + ".".join(version().split(".")[:2])
    return {operators.name: operators, name: LIBRARIES / name}


class BuildWithLibraries(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            for name, file in libraries().items():
                shutil.copy(file.resolve(), Path(self.build_lib) / "luxtorch" / name)


class PlatformWheel(bdist_wheel):
    """For any Python of this machine: the libraries know none of Python's."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibraries(Distribution):
    def has_ext_modules(self):
        return True


SCRATCH.mkdir(parents=True, exist_ok=True)
setup(
    version=version(),
    cmdclass={"build_py": BuildWithLibraries, "bdist_wheel": PlatformWheel},
    distclass=WithLibraries,
    options={"build": {"build_base": str(SCRATCH)}, "egg_info": {"egg_base": str(SCRATCH)}},
)
