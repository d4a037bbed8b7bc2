"""tools/run and tools/test with a made-up set-up and build: what they hand on and how they end."""

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
        for name in ("run", "test", "test_report.py"):
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
