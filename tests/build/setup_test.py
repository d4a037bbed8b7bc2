"""tools/setup with a made-up Python, pip, apt-get and sudo: every route to LibTorch, and what a second run does."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Makes environments, and plays pip: it notes what it is asked for and has what PIP_HAS (a shell pattern
# of "requirement index") says.
PYTHON = """#!/bin/bash
if [ "$1 $2" = "-m venv" ]; then
  mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
  exit 0
fi
[ "$1 $2" = "-m pip" ] || exit 1
[ "$3" = --version ] && exit 0
environment=$(dirname "$(dirname "$0")")
index=configured wants=
while [ $# -gt 0 ]; do
  case $1 in
    --extra-index-url) index=$2; shift ;;
    -*|pip|install) ;;
    *) wants="$wants $1" ;;
  esac
  shift
done
echo "pip$wants from $index" >>"$LOG"
case "$wants" in
  *torch*)
    if [ -n "$PIP_BREAKS" ]; then echo "ERROR: No space left on device"; exit 1; fi
    case "$wants $index" in
      $PIP_HAS) mkdir -p "$environment/lib/python3.11/site-packages/torch/lib"
         touch "$environment/lib/python3.11/site-packages/torch/lib/libtorch.so" ;;
      *) echo "ERROR: No matching distribution found for$wants"; exit 1 ;;
    esac ;;
  *cmake*)
    for name in cmake ninja; do echo "#!/bin/sh" >"$environment/bin/$name"; chmod +x "$environment/bin/$name"; done ;;
esac
"""
DPKG = """#!/bin/bash
for name in "$@"; do
  case $name in -*|*{*) ;; *) grep -qx "$name" "$INSTALLED" && echo "$name installed" ;; esac
done
"""
APT = """#!/bin/bash
echo "apt-get $*" >>"$LOG"
[ "$1" = install ] && for name in "$@"; do echo "$name" >>"$INSTALLED"; done
exit 0
"""
SUDO = """#!/bin/bash
[ -n "$SUDO_MAY" ] || exit 1
[ "$1" = -n ] && shift
exec "$@"
"""


class SetupTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools").mkdir()
        shutil.copy(SOURCE / "tools/setup", self.root / "tools/setup")
        self.programs = self.root / "programs"
        self.programs.mkdir()
        self.log = self.root / "log"
        self.installed = self.root / "installed"
        self.log.touch()
        self.installed.touch()
        for name, text in {"python3": PYTHON, "dpkg-query": DPKG, "apt-get": APT, "sudo": SUDO,
                           "id": "#!/bin/sh\necho ${USER_ID:-0}\n"}.items():
            self.program(name, text)

    def program(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def setup(self, *arguments, path=None, **environment):
        """(exit status, what it printed, what it asked pip and apt-get for)"""
        self.log.write_text("")
        env = {"PATH": path or f"{self.programs}:/usr/bin:/bin", "LOG": str(self.log), "INSTALLED": str(self.installed),
               "PIP_HAS": "*torch*", "HOME": str(self.root), **environment}
        run = subprocess.run([shutil.which("bash"), self.root / "tools/setup", *arguments], env=env, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout, self.log.read_text().splitlines()

    def torch_requests(self, asked):
        return [line for line in asked if "torch" in line]

    def test_the_configured_index_is_asked_first(self):
        status, output, asked = self.setup()
        self.assertEqual(status, 0, output)
        self.assertEqual(self.torch_requests(asked), ["pip torch==2.13.0+cpu from configured"])

    def test_the_second_route_is_pytorchs_own_index(self):
        status, output, asked = self.setup(PIP_HAS=f"*+cpu {CPU_INDEX}")
        self.assertEqual(status, 0, output)
        self.assertEqual(self.torch_requests(asked), [
            "pip torch==2.13.0+cpu from configured", f"pip torch==2.13.0+cpu from {CPU_INDEX}"])
        self.assertNotIn("555 MB", output)

    def test_the_third_route_is_the_plain_package_and_says_how_big_it_is(self):
        status, output, asked = self.setup(PIP_HAS="*torch==2.13.0 configured")
        self.assertEqual(status, 0, output)
        self.assertEqual(self.torch_requests(asked), [
            "pip torch==2.13.0+cpu from configured", f"pip torch==2.13.0+cpu from {CPU_INDEX}",
            "pip torch==2.13.0 from configured"])
        self.assertIn("555 MB", output)

    def test_another_failure_of_pip_ends_it_and_shows_pips_words(self):
        status, output, asked = self.setup(PIP_BREAKS="1")
        self.assertNotEqual(status, 0)
        self.assertEqual(len(self.torch_requests(asked)), 1)
        self.assertIn("No space left on device", output)
        # The next run goes on where this one stopped.
        status, output, asked = self.setup()
        self.assertEqual((status, asked), (0, ["pip torch==2.13.0+cpu from configured"]), output)

    def test_the_user_chooses_another_flavour_and_index(self):
        status, output, asked = self.setup(LUXTORCH_TORCH="torch==2.12.0+cu130", LUXTORCH_TORCH_INDEX="file:///wheels")
        self.assertEqual(status, 0, output)
        self.assertEqual(self.torch_requests(asked), ["pip torch==2.12.0+cu130 from file:///wheels"])
        # It stays when a later run names none, and goes when one names another.
        self.assertEqual(self.setup()[2], [])
        self.assertEqual(self.setup(LUXTORCH_TORCH="torch==2.14.1")[2], ["pip torch==2.14.1 from configured"])

    def test_a_libtorch_of_the_users_is_enough(self):
        for name in ("LIBTORCH", "Torch_ROOT", "Torch_DIR"):
            with self.subTest(name=name):
                shutil.rmtree(self.root / ".venv", ignore_errors=True)
                status, output, asked = self.setup(**{name: "/opt/libtorch"})
                self.assertEqual(status, 0, output)
                self.assertEqual(self.torch_requests(asked), [])
                self.assertTrue((self.root / ".venv/bin/cmake").exists())

    def test_a_prefix_path_is_enough_when_it_holds_a_libtorch(self):
        prefix = self.root / "libtorch"
        (prefix / "include/ATen/core").mkdir(parents=True)
        (prefix / "include/ATen/core/Tensor.h").touch()
        (prefix / "share/cmake").mkdir(parents=True)
        for value in (prefix, prefix / "share/cmake"):
            self.assertEqual(self.torch_requests(self.setup(CMAKE_PREFIX_PATH=f"/nowhere:{value}")[2]), [])
        self.assertNotEqual(self.torch_requests(self.setup(CMAKE_PREFIX_PATH="/nowhere")[2]), [])

    def test_a_second_run_does_nothing(self):
        self.setup("--test")
        self.assertEqual(self.setup("--test"), (0, "setup: everything is there\n", []))
        self.assertEqual(self.setup("--quiet"), (0, "", []))

    def test_more_is_installed_when_more_is_wanted(self):
        plain = self.setup()[2]
        self.assertFalse([line for line in plain if "clang-format" in line or "jax" in line or "gtest" in line])
        test = self.setup("--test")[2]
        self.assertTrue([line for line in test if line.startswith("apt-get install") and "libgtest-dev" in line])
        self.assertTrue([line for line in test if line.startswith("apt-get install") and "clang" in line.split()])
        self.assertTrue([line for line in test if line.startswith("pip clang-format==")])
        bench = self.setup("--bench")[2]
        self.assertTrue([line for line in bench if line.startswith("pip jax==")])
        self.assertEqual(self.setup("--test", "--bench")[2], [])

    def test_what_is_damaged_is_made_again(self):
        self.setup()
        venv = self.root / ".venv"
        (venv / "bin/ninja").unlink()
        self.assertTrue([line for line in self.setup()[2] if "ninja==" in line])
        shutil.rmtree(venv / "lib")
        self.assertEqual(self.setup()[2], ["pip torch==2.13.0+cpu from configured"])
        (venv / "bin/python").write_text("#!/bin/sh\nexit 1\n")
        (venv / "bin/cmake").unlink()
        status, output, asked = self.setup()
        self.assertEqual(status, 0, output)
        self.assertIn("damaged", output)
        self.assertEqual(len(asked), 2)
        self.assertEqual(self.setup("--quiet"), (0, "", []))

    def test_a_python_that_went_away_is_a_damage_too(self):
        self.setup()
        python = self.root / ".venv/bin/python"
        python.unlink()
        python.symlink_to("/nowhere/python3")
        status, output, asked = self.setup()
        self.assertEqual(status, 0, output)
        self.assertEqual(len(asked), 2)

    def test_root_installs_debians_packages_and_only_the_missing_ones(self):
        self.installed.write_text("g++\nccache\n")
        status, output, asked = self.setup()
        self.assertEqual(status, 0, output)
        line = next(line for line in asked if line.startswith("apt-get install"))
        self.assertIn("libhdf5-dev", line)
        self.assertNotIn("ccache", line)
        self.assertEqual(asked[0], "apt-get update")

    def test_sudo_is_used_where_it_may_be(self):
        status, output, asked = self.setup(USER_ID="1000", SUDO_MAY="1")
        self.assertEqual(status, 0, output)
        self.assertTrue([line for line in asked if line.startswith("apt-get install")])

    def test_without_root_it_names_the_line_to_run_and_stops(self):
        status, output, asked = self.setup(USER_ID="1000")
        self.assertNotEqual(status, 0)
        self.assertEqual(asked, [])
        self.assertRegex(output, r"sudo apt-get install -y --no-install-recommends g\+\+ python3-venv")
        # Those who know better go on.
        self.assertEqual(self.setup(USER_ID="1000", LUXTORCH_SKIP_PACKAGES="1")[0], 0)

    def test_another_system_hears_what_is_needed(self):
        for name in ("apt-get", "dpkg-query"):
            (self.programs / name).unlink()
        for name in ("bash", "dirname", "mkdir", "rm", "mv", "cp", "cat", "grep", "touch", "chmod", "env"):
            (self.programs / name).symlink_to(shutil.which(name))
        status, output, asked = self.setup(path=str(self.programs))
        self.assertNotEqual(status, 0)
        self.assertIn("not a Debian system", output)
        self.assertIn("libhdf5-dev", output)
        self.assertIn("no C++ compiler", output)
        self.program("c++", "#!/bin/sh\n")
        self.assertEqual(self.setup(path=str(self.programs))[0], 0)

    def test_without_python_it_says_so(self):
        self.assertIn("there is no python3.99", self.setup(LUXTORCH_BASE_PYTHON="python3.99")[1])


if __name__ == "__main__":
    unittest.main()
