"""tools/run, tools/test and tools/lint with made-up programs behind them: what they hand on and how they end."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
NOTE = '#!/bin/bash\necho "$(basename "$0") $*" >>"$LOG"\n'
PROGRAM = '#!/bin/bash\necho "in $PWD"\nprintf "<%s>" "$@"\nexit 7\n'
# What ctest leaves behind: one entry that passed, or failed where the test says so.
CTEST = NOTE + """
while [ $# -gt 0 ]; do [ "$1" = --output-junit ] && file=$2; shift; done
echo "<testsuite><testcase name=\\"a\\" status=\\"${STATUS:-run}\\"/></testsuite>" >"$file"
[ "${STATUS:-run}" = run ]
"""


class CommandsTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools/bench/recurrent").mkdir(parents=True)
        for name in ("run", "test", "test_report.py", "lint"):
            shutil.copy(SOURCE / "tools" / name, self.root / "tools" / name)
        self.program("tools/setup", NOTE)
        self.program("tools/build", NOTE)
        self.program(".venv/bin/ctest", CTEST)
        self.program("tutorials/simple_rnn/main.cpp", "// Learns to tell spirals apart.\nint main() {}\n")
        for name in ("simple_rnn", "recurrent"):
            self.program(f"build/release/bin/{name}", PROGRAM)

    def program(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def call(self, tool, *arguments, **environment):
        log = self.root / "log"
        log.write_text("")
        run = subprocess.run([self.root / "tools" / tool, *arguments], cwd=self.root / "tutorials", text=True,
                             env={**os.environ, "LOG": str(log), "LUXTORCH_PRESET": "release", **environment},
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return run.returncode, run.stdout, log.read_text().splitlines()

    def test_run_hands_on_the_arguments_the_folder_and_the_exit_status(self):
        status, output, calls = self.call("run", "simple_rnn", "--epochs", "3", "two words")
        self.assertEqual(status, 7)
        self.assertEqual(output, f"in {self.root}/tutorials\n<--epochs><3><two words>")
        self.assertEqual(calls, ["setup --quiet", "build simple_rnn"])

    def test_run_sets_a_measurement_up_with_what_comparisons_need(self):
        self.assertEqual(self.call("run", "recurrent")[2], ["setup --quiet --bench", "build recurrent"])

    def test_run_builds_the_program_luxtorch_and_not_the_library_of_that_name(self):
        self.program("build/release/bin/luxtorch", PROGRAM)
        status, output, calls = self.call("run", "luxtorch", "inspect", "a.pt")
        self.assertEqual((status, calls), (7, ["setup --quiet", "build luxtorch_program"]))
        self.assertTrue(output.endswith("<inspect><a.pt>"), output)

    def test_run_without_a_name_lists_the_programs_with_their_first_line(self):
        status, output, calls = self.call("run")
        self.assertEqual((status, calls), (0, []))
        self.assertRegex(output, r"simple_rnn +Learns to tell spirals apart\.")
        self.assertIn("recurrent", output)

    def test_run_refuses_a_name_that_is_none_and_lists_those_there_are(self):
        status, output, calls = self.call("run", "simple_rn")
        self.assertEqual((status, calls), (2, []))
        self.assertIn("there is no program simple_rn\n", output)
        self.assertIn("simple_rnn", output)

    def test_run_starts_several_processes_by_torchrun_with_their_share_of_the_processors(self):
        self.program(".venv/bin/torchrun", '#!/bin/bash\necho "$OMP_NUM_THREADS threads"\nprintf "<%s>" "$@"\n')
        environment = {"OMP_NUM_THREADS": ""}
        cores = len(os.sched_getaffinity(0))
        program = self.root / "build/release/bin/simple_rnn"

        def expected(processes, restarts, *arguments):
            words = ["--no-python", "--standalone", "--nproc-per-node", processes, "--max-restarts", restarts, program,
                     *arguments]
            return f"{max(1, cores // processes)} threads\n" + "".join(f"<{word}>" for word in words)

        for arguments, wanted in ((("--processes", "2"), expected(2, 0)),
                                  (("--processes=1", "--epochs", "3"), expected(1, 0, "--epochs", "3")),
                                  (("--seed", "1", "--max-restarts", "4", "--processes", "400", "two words"),
                                   expected(400, 4, "--seed", "1", "two words"))):
            status, output, calls = self.call("run", "simple_rnn", *arguments, **environment)
            self.assertEqual((status, output), (0, wanted))
            self.assertEqual(calls, ["setup --quiet", "build simple_rnn"])
        self.assertTrue(self.call("run", "simple_rnn", "--processes", "2", OMP_NUM_THREADS="7")[1].startswith("7 threads\n"))

    def test_run_takes_the_torchrun_on_the_path_where_its_own_environment_has_none_or_says_what_is_missing(self):
        self.program("programs/torchrun", '#!/bin/bash\necho "that of the path"\n')
        plain = "/usr/bin:/bin"
        status, output, _ = self.call("run", "simple_rnn", "--processes", "2", PATH=f"{self.root}/programs:{plain}")
        self.assertEqual((status, output), (0, "that of the path\n"))
        if shutil.which("torchrun", path=plain):
            self.skipTest("this system has a torchrun among its own programs")
        status, output, calls = self.call("run", "simple_rnn", "--processes", "2", PATH=plain)
        self.assertEqual((status, calls), (1, ["setup --quiet"]))
        self.assertIn("there is no torchrun, in .venv/bin or on the PATH. It comes with Python's torch", output)
        self.assertIn(f"  RANK=0 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=29500 {self.root}/build/release/bin/simple_rnn\n",
                      output)

    def test_run_refuses_numbers_of_processes_that_are_none(self):
        for arguments in (["--processes", "0"], ["--processes", "two"], ["--processes"], ["--processes=08"],
                          ["--processes", "2", "--max-restarts", "-1"]):
            status, output, calls = self.call("run", "simple_rnn", *arguments)
            self.assertEqual((status, calls), (2, []), arguments)
            self.assertRegex(output, r"tools/run: --[a-z-]+ takes a whole number of at least [01], got ")
        status, output, calls = self.call("run", "simple_rnn", "--max-restarts", "1")
        self.assertEqual((status, calls), (2, []))
        self.assertIn("--max-restarts goes with --processes", output)

    def test_run_leaves_the_processes_to_a_measurement_and_the_program_luxtorch(self):
        self.program("build/release/bin/luxtorch", PROGRAM)
        for name in ("recurrent", "luxtorch"):
            for arguments in (["--processes", "4", "--json", "two words"], ["--processes=4"], ["--max-restarts", "1"], ["--processes"]):
                status, output, _ = self.call("run", name, *arguments)
                self.assertEqual(status, 7, output)
                self.assertTrue(output.endswith("\n" + "".join(f"<{word}>" for word in arguments)), output)

    def test_run_takes_the_tutorial_where_a_measurement_has_the_same_name(self):
        self.program("tutorials/recurrent/main.cpp", "// Both.\n")
        self.assertEqual(self.call("run", "recurrent")[2], ["setup --quiet", "build recurrent"])

    def test_test_sets_up_builds_everything_and_ends_with_the_count(self):
        status, output, calls = self.call("test", "-L", "gpu")
        self.assertEqual(status, 0, output)
        self.assertEqual(calls[:2], ["setup --test --quiet", "build "])
        self.assertTrue(calls[2].endswith(" -L gpu"), calls[2])
        self.assertEqual(output.splitlines()[-1], "1 passed, 0 failed, 0 skipped")

    def test_test_fails_when_a_test_fails(self):
        status, output, _ = self.call("test", STATUS="fail")
        self.assertNotEqual(status, 0)
        self.assertEqual(output.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

    def lint_programs(self):
        for name in ("tools/format", ".venv/bin/ruff", "programs/clang-tidy"):
            self.program(name, NOTE)
        self.program("tools/check_layers.py", "import os\nopen(os.environ['LOG'], 'a').write('check_layers.py \\n')\n")
        return {"PATH": f"{self.root}/programs:{os.environ['PATH']}"}

    def test_lint_checks_format_levels_and_python_and_fails_when_one_fails(self):
        self.lint_programs()
        calls = ["setup --test --quiet", "format --check", "check_layers.py ", "ruff check --quiet ."]
        self.assertEqual(self.call("lint"), (0, "", calls))
        for name in ("tools/format", "tools/check_layers.py", ".venv/bin/ruff"):
            with self.subTest(name=name):
                self.lint_programs()
                self.program(name, "raise SystemExit(1)\n" if name.endswith(".py") else "#!/bin/sh\nexit 1\n")
                status, _, calls = self.call("lint")
                self.assertEqual((status, len(calls)), (1, 3))
        self.assertEqual(self.call("lint", "--all")[0], 2)

    def test_lint_runs_clang_tidy_over_the_changed_files_or_says_why_not(self):
        environment = self.lint_programs()
        git = ["git", "-C", self.root, "-c", "user.name=a", "-c", "user.email=a"]
        for name in ("same.cpp", "changed.cpp", "unknown.cpp"):
            self.program(name, "")
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "a"], check=True)
        for name in ("changed.cpp", "unknown.cpp"):
            self.program(name, "int a;\n")
        status, output, _ = self.call("lint", "--tidy", "HEAD", **environment)
        self.assertEqual((status, output), (0, "lint: without clang-tidy: there is no build/release/compile_commands.json "
                                               "(tools/build makes it)\n"))
        database = "".join(f'"file": "{self.root}/{name}.cpp"\n' for name in ("same", "changed"))
        (self.root / "build/release/compile_commands.json").write_text(database)
        status, output, calls = self.call("lint", "--tidy", "HEAD", **environment)
        self.assertEqual(output, "lint: without clang-tidy: unknown.cpp is not in build/release/compile_commands.json\n")
        self.assertEqual((status, len(calls)), (0, 5))
        self.assertRegex(calls[-1], r"^clang-tidy -p build/release .* changed\.cpp$")
        self.assertEqual(self.call("lint", "--tidy", "nothing", **environment)[1].splitlines()[-1],
                         "lint: without clang-tidy: git knows no commit nothing")
        self.program("programs/clang-tidy", "#!/bin/sh\nexit 1\n")
        self.assertEqual(self.call("lint", "--tidy", "HEAD", **environment)[0], 1)

    def test_a_failed_set_up_or_build_ends_it(self):
        for name in ("setup", "build"):
            self.program(f"tools/{name}", "#!/bin/sh\nexit 3\n")
            for call in (("run", "simple_rnn"), ("test",)):
                with self.subTest(name=name, call=call):
                    status, output, calls = self.call(*call)
                    self.assertEqual(status, 3)
                    self.assertNotIn("passed", output)
            self.program(f"tools/{name}", NOTE)


if __name__ == "__main__":
    unittest.main()
