"""luxtorch watch at a terminal: keys, signals, logs that grow."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import unittest
from pathlib import Path

import run_logs

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/luxtorch"


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
class WatchTerminalTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.log = self.folder / "runs/a/log.jsonl"
        self.leader, self.follower = pty.openpty()
        self.addCleanup(os.close, self.leader)
        self.addCleanup(os.close, self.follower)
        fcntl.ioctl(self.follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.follower)
        self.seen = b""

    def start(self, term="xterm"):
        environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "LC_ALL": "C.UTF-8", "TERM": term}
        # In a process group of its own, which a signal can stop.
        process = subprocess.Popen([PROGRAM, "watch", "runs/a"], cwd=self.folder, stdin=self.follower, stdout=self.follower,
                                   env=environment, process_group=0)
        self.addCleanup(process.kill)
        return process

    def read_until(self, wanted):
        while wanted not in self.seen:
            self.assertTrue(select.select([self.leader], [], [], 60)[0], self.seen)
            self.seen += os.read(self.leader, 65536)

    def expect_end(self, process):
        self.read_until(b"\x1b[?25h\x1b[?1049l")
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(termios.tcgetattr(self.follower), self.before)

    def test_it_follows_the_log_until_q(self):
        lines = run_logs.training()
        run_logs.write(self.folder / "runs/a", lines[:6])
        process = self.start()
        self.read_until(b"q leaves")
        self.assertIn(b"\x1b[?1049h", self.seen)
        self.assertIn(b"\x1b[36m", self.seen)
        with open(self.log, "a") as log:
            log.writelines(json.dumps(line) + "\n" for line in lines[6:])
        self.read_until(b"ended")
        os.write(self.leader, b"q")
        self.expect_end(process)

    def test_it_erases_before_it_writes(self):
        run_logs.write(self.folder / "runs/a", run_logs.training())
        process = self.start()
        self.read_until(b"q leaves")
        os.write(self.leader, b"q")
        self.expect_end(process)
        # Behind the last column a terminal would erase that column.
        frame = self.seen.partition(b"\x1b[H")[2].partition(b"\x1b[?25h")[0].partition(b"\x1b[H")[0]
        lines = frame.split(b"\r\n")
        self.assertEqual(len(lines), 24)
        for line in lines:
            self.assertRegex(line, rb"^\x1b\[[KJ]")
            self.assertNotRegex(line[3:], rb"\x1b\[[KJ]")

    def test_a_line_that_a_resumed_writer_cut_off_destroys_none(self):
        lines = run_logs.training(epochs=3)[:-1]
        unfinished = json.dumps(run_logs.step(160, 1.0))[:30]
        run_logs.write(self.folder / "runs/a", lines, unfinished)
        process = self.start()
        self.read_until(b"q leaves")
        with open(self.log, "r+b") as log:
            log.seek(-len(unfinished), os.SEEK_END)
            # At once, as a poll between the two would see a file that became shorter.
            log.write((json.dumps(run_logs.start(step=100, epoch=2, time=1.8e9 + 60)) + "\n").encode())
        self.read_until(b"resumed")
        os.write(self.leader, b"q")
        self.expect_end(process)
        self.assertNotIn(b"damaged", self.seen)

    def test_a_big_log_leaves_room_for_keys(self):
        # More than is read before a first look at the keys.
        lines = [run_logs.start(), *(run_logs.text(n, "x" * 500_000) for n in range(1, 40))]
        run_logs.write(self.folder / "runs/a", lines)
        process = self.start()
        self.read_until(b"reading ")
        self.read_until(b"q leaves")
        os.write(self.leader, b"q")
        self.expect_end(process)
        first = self.seen.index(b"reading ")
        self.assertLess(first, self.seen.index(b"q leaves"))
        self.assertRegex(self.seen[first:], rb"^reading [0-9]{1,2} %")

    def test_signals_leave_the_terminal_as_it_was(self):
        run_logs.write(self.folder / "runs/a", run_logs.training())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            process = self.start()
            self.read_until(b"q leaves")
            process.send_signal(number)
            self.expect_end(process)
            self.seen = b""

    def test_a_stopped_program_leaves_its_screen_and_comes_back(self):
        run_logs.write(self.folder / "runs/a", run_logs.training())
        process = self.start()
        self.read_until(b"q leaves")
        process.send_signal(signal.SIGTSTP)
        self.read_until(b"\x1b[?25h\x1b[?1049l")
        self.assertTrue(os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1]))
        self.assertEqual(termios.tcgetattr(self.follower), self.before)
        self.seen = b""
        process.send_signal(signal.SIGCONT)
        self.read_until(b"\x1b[?1049h")
        self.read_until(b"q leaves")
        os.write(self.leader, b"q")
        self.expect_end(process)

    def test_a_terminal_without_a_screen_gets_one_frame(self):
        run_logs.write(self.folder / "runs/a", run_logs.training())
        process = self.start(term="dumb")
        self.read_until(b"ended")
        self.assertEqual(process.wait(60), 0)
        self.assertNotIn(b"\x1b", self.seen)


if __name__ == "__main__":
    unittest.main()
