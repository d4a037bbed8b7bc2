"""tools/cmake/FindLibTorch.cmake on made-up trees: CPU, CUDA and ROCm flavours, every way to name one."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
CMAKE = os.environ["LUXTORCH_CMAKE"]
CXX = os.environ["LUXTORCH_CXX"]

PROJECT = """
cmake_minimum_required(VERSION 3.24)
project(finder_test LANGUAGES NONE)
list(APPEND CMAKE_MODULE_PATH "@SOURCE@/tools/cmake")
find_package(LibTorch REQUIRED)
foreach(name IN ITEMS INTERFACE_LINK_OPTIONS INTERFACE_LINK_LIBRARIES INTERFACE_INCLUDE_DIRECTORIES)
  get_target_property(value luxtorch::libtorch ${name})
  message(STATUS "${name}=${value}")
endforeach()
message(STATUS "root=${LibTorch_ROOT_DIR} flavour=${LibTorch_FLAVOUR} version=${LibTorch_VERSION}")
"""


def make_tree(root, version="2.13.0", libraries=(), old_version_header=False):
    """A LibTorch as its finder sees one: empty libraries and tiny headers."""
    include, lib = root / "include", root / "lib"
    for folder in (include / "ATen/core", include / "torch/csrc/api/include/torch", lib):
        folder.mkdir(parents=True)
    (include / "ATen/core/Tensor.h").touch()
    header = "torch/csrc/api/include/torch/version.h" if old_version_header else "torch/headeronly/version.h"
    (include / header).parent.mkdir(parents=True, exist_ok=True)
    major, minor, patch = version.split(".")
    (include / header).write_text(
        f"#define TORCH_VERSION_MAJOR {major}\n#define TORCH_VERSION_MINOR {minor}\n"
        f"#define TORCH_VERSION_PATCH {patch}\n"
    )
    if not old_version_header:  # the newer layout keeps a header that only forwards
        (include / "torch/csrc/api/include/torch/version.h").write_text(
            "#include <torch/headeronly/version.h>\n"
        )
    for name in ("torch", "torch_cpu", "c10", *libraries):
        (lib / f"lib{name}.so").touch()
    (root / "share/cmake/Torch").mkdir(parents=True)
    return root


def make_python(path, torch_root):
    """A Python that answers where its torch is; without a root it has none."""
    path.parent.mkdir(parents=True)
    answer = f'echo "{torch_root};/nowhere"' if torch_root else "true"
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return path


class FinderTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "project").mkdir()
        (self.folder / "project/CMakeLists.txt").write_text(PROJECT.replace("@SOURCE@", str(SOURCE)))
        make_python(self.folder / "empty/python3", None)

    def find(self, *arguments, **environment):
        """Exit status and output of configuring the project; no LibTorch but the named ones is in reach."""
        names = ("LIBTORCH", "Torch_", "LUXTORCH_PYTHON", "CMAKE_PREFIX_PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
        env = {k: v for k, v in os.environ.items() if not k.startswith(names)}
        env["PATH"] = f"{self.folder}/empty:/usr/bin:/bin"
        env.update({key: str(value) for key, value in environment.items()})
        run = subprocess.run(
            [CMAKE, "-S", self.folder / "project", "-B", self.folder / "build", "-G", "Ninja",
             f"-DCMAKE_MAKE_PROGRAM={os.environ['LUXTORCH_NINJA']}", *arguments],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        return run.returncode, " ".join(run.stdout.split())

    def assert_found(self, result, root, flavour="cpu", version="2.13.0"):
        self.assertEqual(result[0], 0, result[1])
        self.assertIn(f"root={root} flavour={flavour} version={version}", result[1])

    def assert_refused(self, result, *texts):
        self.assertNotEqual(result[0], 0, result[1])
        for text in texts:
            self.assertIn(text, result[1])

    def test_the_cpu_flavour_links_three_libraries_and_keeps_them_all(self):
        root = make_tree(self.folder / "libtorch")
        result = self.find(LIBTORCH=root)
        self.assert_found(result, root)
        self.assertIn("INTERFACE_LINK_OPTIONS=LINKER:--no-as-needed --", result[1])
        for name in ("torch", "torch_cpu", "c10"):
            self.assertIn(f"{root}/lib/lib{name}.so", result[1])

    def test_the_cuda_flavour_links_without_the_libraries_of_cuda(self):
        root = make_tree(self.folder / "libtorch", "2.14.1", ("torch_cuda", "c10_cuda"))
        result = self.find(LIBTORCH=root)
        self.assert_found(result, root, "cuda", "2.14.1")
        self.assertIn("LINKER:--no-as-needed;LINKER:--allow-shlib-undefined", result[1])

    def test_the_rocm_flavour_is_called_hip(self):
        root = make_tree(self.folder / "libtorch", "2.12.0", ("torch_hip", "c10_hip"))
        result = self.find(LIBTORCH=root)
        self.assert_found(result, root, "hip", "2.12.0")
        self.assertIn("LINKER:--allow-shlib-undefined", result[1])

    def test_libtorchs_own_openmp_runtime_is_the_one_that_is_linked(self):
        root = make_tree(self.folder / "libtorch")
        (root / "lib/libgomp.so.1").touch()
        self.assertIn(f"{root}/lib/libgomp.so.1", self.find(LIBTORCH=root)[1])

    def test_the_version_is_read_from_the_older_header_too(self):
        root = make_tree(self.folder / "libtorch", "2.11.0", old_version_header=True)
        self.assert_found(self.find(LIBTORCH=root), root, version="2.11.0")

    def test_each_usual_variable_names_one_in_the_environment_and_for_cmake(self):
        root = make_tree(self.folder / "libtorch")
        python = make_python(self.folder / "python/python3", root)
        values = {
            "LIBTORCH": root, "Torch_ROOT": root, "Torch_DIR": root / "share/cmake/Torch",
            "LUXTORCH_PYTHON": python,
        }
        for name, value in values.items():
            with self.subTest(name=name, where="environment"):
                self.assert_found(self.find("--fresh", **{name: value}), root)
            with self.subTest(name=name, where="cmake"):
                self.assert_found(self.find("--fresh", f"-D{name}={value}"), root)

    def test_a_prefix_path_names_the_folder_or_the_one_of_its_cmake_files(self):
        root = make_tree(self.folder / "libtorch")
        for value in (root, root / "share/cmake"):
            with self.subTest(value=value):
                self.assert_found(self.find("--fresh", f"-DCMAKE_PREFIX_PATH=/nowhere;{value}"), root)
                self.assert_found(self.find("--fresh", CMAKE_PREFIX_PATH=f"/nowhere:{value}"), root)

    def test_a_virtual_environment_and_the_python_on_the_path_are_asked(self):
        root = make_tree(self.folder / "libtorch")
        make_python(self.folder / "venv/bin/python", root)
        self.assert_found(self.find("--fresh", VIRTUAL_ENV=self.folder / "venv"), root)
        make_python(self.folder / "other/python3", root)
        self.assert_found(self.find("--fresh", PATH=f"{self.folder}/other:/usr/bin:/bin"), root)

    def test_what_is_named_wins_over_what_lies_about(self):
        named = make_tree(self.folder / "named", "2.12.0")
        prefix = make_tree(self.folder / "prefix")
        result = self.find(f"-DCMAKE_PREFIX_PATH={prefix}", LIBTORCH=named)
        self.assert_found(result, named, version="2.12.0")

    def test_a_named_folder_without_libtorch_is_an_error_though_another_lies_about(self):
        prefix = make_tree(self.folder / "prefix")
        for name in ("LIBTORCH", "Torch_ROOT", "Torch_DIR", "LUXTORCH_PYTHON"):
            with self.subTest(name=name):
                wrong = self.folder / "wrong"
                result = self.find("--fresh", f"-DCMAKE_PREFIX_PATH={prefix}", **{name: wrong})
                self.assert_refused(result, f"{name} is {wrong}")

    def test_a_tree_without_its_libraries_is_an_error_that_names_the_library(self):
        root = make_tree(self.folder / "libtorch")
        (root / "lib/libtorch_cpu.so").unlink()
        self.assert_refused(self.find(LIBTORCH=root), f"{root} has include/ but no library torch_cpu")

    def test_a_version_that_is_too_old_is_refused_with_both_versions(self):
        root = make_tree(self.folder / "libtorch", "2.10.1", old_version_header=True)
        result = self.find(LIBTORCH=root)
        self.assert_refused(result, "is version 2.10.1; luxtorch needs 2.11 or newer")

    def test_an_old_one_that_lies_about_is_passed_over(self):
        old = make_tree(self.folder / "old", "1.13.1", old_version_header=True)
        good = make_tree(self.folder / "good")
        self.assert_found(self.find(f"-DCMAKE_PREFIX_PATH={old};{good}"), good)

    def test_a_version_newer_than_known_is_used_with_a_warning(self):
        root = make_tree(self.folder / "libtorch", "2.16.0")
        result = self.find(LIBTORCH=root)
        self.assert_found(result, root, version="2.16.0")
        self.assertIn("LibTorch 2.16.0 is newer than luxtorch knows", result[1])
        self.assertNotIn("newer", self.find("--fresh", LIBTORCH=make_tree(self.folder / "b", "2.15.3"))[1])

    def test_without_any_the_message_says_what_to_run(self):
        self.assert_refused(self.find(), "No LibTorch", "tools/setup", "-DLIBTORCH=", "-DLUXTORCH_PYTHON=")

    def test_a_build_folder_keeps_its_libtorch_when_cmake_runs_again_without_the_environment(self):
        root = make_tree(self.folder / "libtorch")
        self.assert_found(self.find(LIBTORCH=root), root)
        self.assert_found(self.find(), root)

    def test_a_program_links_with_a_cuda_flavour_whose_own_libraries_are_not_installed(self):
        root = make_tree(self.folder / "libtorch", libraries=("torch_cuda",))
        source = self.folder / "project/main.cpp"
        for name in ("torch", "torch_cpu", "c10"):
            source.write_text(f"extern int of_cuda(); int f_{name}() {{ return of_cuda(); }}\n")
            target = root / f"lib/lib{name}.so"
            target.unlink()
            subprocess.run([CXX, "-shared", "-fPIC", source, "-o", target], check=True)
        source.write_text("int main() {}\n")
        lists = self.folder / "project/CMakeLists.txt"
        lists.write_text(
            lists.read_text().replace("NONE", "CXX")
            + "add_executable(program main.cpp)\ntarget_link_libraries(program luxtorch::libtorch)\n"
        )
        self.assert_found(self.find(f"-DCMAKE_CXX_COMPILER={CXX}", LIBTORCH=root), root, "cuda")
        build = [CMAKE, "--build", self.folder / "build"]
        result = subprocess.run(build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(result.returncode, 0, result.stdout)
        # The CPU flavour has no such excuse: there the missing symbol is an error.
        (root / "lib/libtorch_cuda.so").unlink()
        self.assert_found(self.find(LIBTORCH=root), root, "cpu")
        self.assertNotEqual(subprocess.run(build, capture_output=True).returncode, 0)


if __name__ == "__main__":
    unittest.main()
