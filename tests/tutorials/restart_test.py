"""The tutorial of a machine that dies: a training that was killed and started again ends with the bits of one that was not."""

import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import HAS_TORCHRUN, free_port
from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/restart"
LIMIT = 600  # seconds that a run may take before it counts as hanging


def variable_of(pid, name):
    """A variable of the environment that a process was started with."""
    for entry in Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0"):
        if entry.startswith(name + "="):
            return entry.partition("=")[2]
    return None


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class RestartTest(ProgramTest):
    program = PROGRAM
    environment = {"OMP_NUM_THREADS": "1"}

    def torchrun(self, out, *arguments, restarts=0, kill_at=None):
        """What is printed by two processes. kill_at: a line at which the test kills the second of them."""
        command = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--standalone", "--nproc-per-node", "2",
                   "--max-restarts", str(restarts), str(PROGRAM), "--out", out, *arguments]
        with open(self.folder / "said", "w+") as said:
            run = subprocess.Popen(command, cwd=self.folder, env={**os.environ, **self.environment}, text=True,
                                   stdout=subprocess.PIPE, stderr=said)
            lines = []
            try:
                for line in run.stdout:
                    lines.append(line)
                    if kill_at and line.startswith(kill_at):
                        kill_at = None
                        workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
                        victim, = (pid for pid in workers if variable_of(pid, "RANK") == "1")
                        os.kill(int(victim), signal.SIGKILL)
                status = run.wait(LIMIT)
            finally:
                run.kill()
                run.stdout.close()
            said.seek(0)
            self.assertEqual(status, 0, "".join(lines) + said.read())
        return "".join(lines)

    def hash_of(self, text, steps=60):
        found, = re.findall(rf"^The parameters after {steps} steps: ([0-9a-f]{{16}})$", text, re.MULTILINE)
        return found

    def starts(self, text):
        """(processes, step) of each start."""
        return [(int(p), int(s)) for p, s in re.findall(r"^(\d+) process(?:es)?, from step (\d+)$", text, re.MULTILINE)]

    @unittest.skipUnless(HAS_TORCHRUN, "this Python has no torchrun")
    def test_a_killed_training_ends_with_the_bits_of_an_undisturbed_one(self):
        undisturbed = self.torchrun("undisturbed", "--steps", "400", "--every", "400")
        self.assertEqual(self.starts(undisturbed), [(2, 0)])

        itself = self.torchrun("itself", "--steps", "400", "--die-at", "33", restarts=1)
        self.assertEqual(self.starts(itself), [(2, 0), (2, 30)])
        self.assertEqual(self.hash_of(itself, 400), self.hash_of(undisturbed, 400))

        # From outside, at some moment behind an early line: so many steps remain that the kill comes before the end.
        killed = self.torchrun("killed", "--steps", "400", "--every", "1", restarts=1, kill_at="step   5:")
        (_, first), (_, second) = self.starts(killed)
        self.assertEqual(first, 0)
        self.assertGreaterEqual(second, 5)
        self.assertEqual(self.hash_of(killed, 400), self.hash_of(undisturbed, 400))

    @unittest.skipUnless(HAS_TORCHRUN, "this Python has no torchrun")
    def test_two_launchers_restart_their_processes_together(self):
        # The launcher of the process that died counts one restart, and the other one none.
        command = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--nnodes", "2", "--nproc-per-node", "1",
                   "--max-restarts", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-id", "run",
                   str(PROGRAM), "--steps", "30", "--die-at", "23"]
        launchers = [subprocess.Popen(command, cwd=self.folder, env={**os.environ, **self.environment}, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        try:
            ends = [launcher.communicate(timeout=LIMIT) for launcher in launchers]
        finally:
            for launcher in launchers:
                launcher.kill()
        self.assertEqual([launcher.returncode for launcher in launchers], [0, 0], ends)
        self.assertEqual(sorted(start for output, _ in ends for start in self.starts(output)), [(2, 0), (2, 20)])
        for _, said in ends:
            self.assertNotIn("waited in init", said)  # they do not look for those that were there before

    def test_a_run_goes_on_from_where_it_ended(self):
        whole = self.run_it("--out", "whole").stdout
        first = self.run_it("--out", "parts", "--steps", "25").stdout
        self.assertIn("The parameters after 25 steps: ", first)
        second = self.run_it("--out", "parts").stdout
        self.assertEqual(self.starts(second), [(1, 25)])
        self.assertEqual(self.hash_of(second), self.hash_of(whole))

    def test_a_process_that_dies_is_dead(self):
        result = self.run_it("--die-at", "12", ok=False)
        self.assertEqual(result.returncode, -signal.SIGKILL)
        self.assertEqual(result.stderr, "Process 0 dies at step 12.\n")
        self.assertEqual(self.starts(self.run_it(TORCHELASTIC_RESTART_COUNT="1").stdout), [(1, 10)])

    def test_what_it_cannot_do_is_said_by_name(self):
        for arguments in (["--steps", "0"], ["--every", "0"], ["--die-at", "-1"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn(arguments[0], result.stderr)


if __name__ == "__main__":
    unittest.main()
