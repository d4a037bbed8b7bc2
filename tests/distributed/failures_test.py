"""Processes that end in the middle of a training, that do not fit together, that are many, or on two machines.

Kills follow what a process says, never a clock. The namespaces of two machines take root and the program ip.
"""

import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import ERROR, LIMIT, REFUSED, Processes

BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
PROGRAM = BUILD / "tests/failing_program"
OTHER_VERSION = BUILD / "tests/other_version_program"
Run = functools.partial(Processes, PROGRAM)
KILLS = 10
PLACES = ("start", "objective", "step", "evaluation", "checkpoint")


class KilledTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def names(self, said, dead, size):
        """The error in what a process says, beside torch's own warnings, names the dead rank among those that do not answer."""
        found = re.findall(r"^DistributedError of rank \d: \[distributed\] ranks? ([\d, ]+) of (\d) ended or does not answer", said,
                           re.MULTILINE)
        self.assertEqual(len(found), 1, said)
        self.assertIn(str(dead), found[0][0].split(", "), said)
        self.assertEqual(found[0][1], str(size))

    def test_ten_kills_at_random_moments_are_errors_of_all_others_and_leave_no_process(self):
        rng = random.Random(20261130)
        for kill in range(KILLS):
            place, step, size = PLACES[kill % len(PLACES)], rng.randint(1, 40), rng.choice((2, 3))
            dead = rng.randrange(size)
            with self.subTest(place=place, step=step, size=size, dead=dead):
                with Run(size, "endless", place, step, dead, self.folder / str(kill)) as run:
                    self.assertEqual(run.processes[dead].stdout.readline(), place + "\n")
                    run.processes[dead].send_signal(signal.SIGKILL)
                    ends = run.ends()  # of all: none is left
                for rank, (status, _, said) in enumerate(ends):
                    self.assertEqual(status, -signal.SIGKILL if rank == dead else ERROR, said)
                    if rank != dead:
                        self.names(said, dead, size)

    def test_a_process_that_leaves_by_exit_is_an_error_of_the_others(self):
        with Run(3, "exits", "3") as run:
            *others, (status, _, _) = run.ends()
        self.assertEqual(status, 0)
        for status, _, said in others:
            self.assertEqual(status, ERROR, said)
            self.names(said, 2, 3)

    def test_an_exception_of_any_rank_reaches_the_others_with_its_text(self):
        for thrower in range(3):
            with Run(3, "throws", "3", thrower) as run:
                ends = run.ends()
            for rank, (status, _, said) in enumerate(ends):
                self.assertEqual(status, REFUSED if rank == thrower else ERROR, said)
                text = "[Mine] expected luck, got none."
                if rank != thrower:
                    text = f"DistributedError of rank {thrower}: [distributed] rank {thrower} of 3 failed: {text}"
                self.assertEqual(said, text + "\n")


class OtherProgramTest(unittest.TestCase):
    def refused(self, *arguments, **options):
        """What all processes say, which is the same."""
        with Run(2, *arguments, **options) as run:
            (first, _, said), (second, _, also) = run.ends()
        self.assertEqual((first, second), (REFUSED, REFUSED), said + also)
        self.assertEqual(said, also)
        return said

    def test_another_version_of_the_library_on_one_process_is_refused_on_all(self):
        self.assertRegex(self.refused("train", 1, programs={1: OTHER_VERSION}),
                         r"expected the same program on all processes, got luxtorch (\d+\.\d+\.\d+), .* on rank 0 and "
                         r"luxtorch 0\.0\.1, .* on rank 1\.")

    def test_another_number_of_processes_on_one_of_them_is_refused_on_both(self):
        self.assertRegex(self.refused("train", 1, changes={1: {"WORLD_SIZE": "3"}}),
                         "got luxtorch .*, 2 processes, .* on rank 0 and luxtorch .*, 3 processes, .* on rank 1")


def losses(ends, case):
    for status, _, said in ends:
        case.assertEqual(status, 0, said)
    found = [json.loads(output) for _, output, _ in ends]
    case.assertEqual({one["hash"] for one in found}, {found[0]["hash"]})
    return found[0]["losses"]


class ManyTest(unittest.TestCase):
    def test_thirty_two_processes_train_as_one_does(self):
        with Run(1, "train", 5) as run:
            one = losses(run.ends(), self)
        with Run(32, "train", 5) as run:
            several = losses(run.ends(), self)
        self.assertEqual(len(several), 5)
        for a, b in zip(several, one):
            self.assertLessEqual(abs(a - b), 1e-5 * abs(b))


# Its own network, and a name that its own list of hosts says to be this machine, as Debian's does.
MACHINE = """
hostname "machine$RANK" && mount --bind "$HOSTS" /etc/hosts && echo ready && read -r connected || exit 1
ip link set lo up && ip address add "10.77.0.$((RANK + 1))/24" dev luxtorch && ip link set luxtorch up || exit 1
exec "$0" "$@"
"""
UNSHARE = ["unshare", "--net", "--mount", "--uts"]


def why_no_namespaces():
    for name in ("ip", "unshare"):
        if not shutil.which(name):
            return f"there is no program {name}"
    if os.geteuid() != 0:
        return "only root may connect namespaces"
    tried = subprocess.run([*UNSHARE, "mount", "--bind", "/etc/hosts", "/etc/hosts"], capture_output=True, text=True)
    return tried.stderr.strip()


class TwoMachinesTest(unittest.TestCase):
    def test_they_meet_although_their_names_mean_loopback(self):
        reason = why_no_namespaces()
        if reason:
            self.skipTest(reason)
        with tempfile.NamedTemporaryFile("w") as hosts:
            hosts.write("127.0.0.1 localhost\n127.0.1.1 machine0 machine1\n")
            hosts.flush()
            machines = []
            for rank in range(2):
                environment = {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "10.77.0.1", "HOSTS": hosts.name,
                               "MASTER_PORT": "29500", "OMP_NUM_THREADS": "1"}
                environment.pop("GLOO_SOCKET_IFNAME", None)
                machines.append(subprocess.Popen([*UNSHARE, "sh", "-c", MACHINE, str(PROGRAM), "train", "5"], env=environment,
                                                 text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                 stderr=subprocess.PIPE))
                self.addCleanup(machines[-1].communicate)
                self.addCleanup(machines[-1].kill)
                self.assertEqual(machines[-1].stdout.readline(), "ready\n")
            # A cable with both ends in the namespaces; it goes with them.
            ends = [["name", "luxtorch", "netns", str(machine.pid)] for machine in machines]
            subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], check=True)
            for machine in machines:
                machine.stdin.write("\n")
                machine.stdin.flush()
            found = losses([(m.wait(LIMIT), m.stdout.read(), m.stderr.read()) for m in machines], self)
        self.assertEqual(len(found), 5)


if __name__ == "__main__":
    unittest.main()
