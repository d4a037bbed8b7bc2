"""Processes that work together, asked together.

    with Team("luxtorch", command, processes=2, threads=1) as team:
        team.ask("join")                    # [an answer of each process, by rank]

A process finds the others by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun would give them.
"""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import interleaved


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Team:
    """Skipped where it cannot run. about: its own words."""

    def __init__(self, name, command, processes, threads):
        self.name, self.members, port = name, [], free_port()
        try:
            for rank in range(processes):
                self.members.append(interleaved.Competitor(name, command, {
                    "RANK": str(rank), "WORLD_SIZE": str(processes), "LOCAL_RANK": str(rank),
                    "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                    "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": ""}))
        except BaseException:
            self.close()
            raise
        self.about = self.members[0].about

    def ask(self, question):
        for member in self.members:
            member.send(question)
        return [member.read() for member in self.members]

    def times(self, question):
        """The nanoseconds that each process took, by rank."""
        return [answer["ns"] for answer in self.ask(question)]

    def close(self):
        for member in self.members:
            member.process.stdin.close()  # all leave at once: none waits for another
        for member in self.members:
            member.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def commands(programs):
    """{name: command} of the two sides."""
    return {"luxtorch": [programs / "luxtorch"],
            "pytorch": [sys.executable, Path(__file__).resolve().parent / "pytorch_ddp.py"]}


def start(name, options):
    command = commands(options.programs)[name]
    if name == "luxtorch" and not command[0].exists():
        raise interleaved.Skipped("it is not built")
    threads = max(1, len(os.sched_getaffinity(0)) // options.processes)
    return Team(name, command, options.processes, threads)
