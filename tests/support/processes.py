"""Processes of one program that train together, started as a loop in a shell would start them."""

import importlib.util
import os
import socket
import subprocess
from pathlib import Path

LIMIT = 120  # seconds that a process may take before it counts as hanging
# Of the test programs: DistributedError, and any other error.
ERROR, REFUSED = 3, 4

# Whether this Python has torchrun: to import torch for that would take seconds.
TORCH = importlib.util.find_spec("torch")
HAS_TORCHRUN = bool(TORCH and TORCH.origin and (Path(TORCH.origin).parent / "distributed/run.py").exists())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def in_turn(*calls):
    """The arguments of a test program for calls that its processes take in turn, each a tuple of a mode and its words."""
    return [word for call in calls for word in ("+", *call)][1:]


class Processes:
    """Processes that were started together, one for each rank; what still runs at the end of the with-block is killed.

    changes: of the environment, by rank; programs: of some ranks, another one.
    """

    def __init__(self, program, size, *arguments, changes=None, programs=None, **environment):
        port = free_port()
        self.processes = []
        for rank in range(size):
            variables = {**os.environ, "RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1",
                         "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", **environment, **(changes or {}).get(rank, {})}
            self.processes.append(subprocess.Popen(
                [(programs or {}).get(rank, program), *map(str, arguments)], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={name: value for name, value in variables.items() if value is not None}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.communicate()

    def ends(self, ranks=None):
        """[(status, output, errors)] by rank."""
        chosen = self.processes if ranks is None else [self.processes[r] for r in ranks]
        return [(p.wait(LIMIT), p.stdout.read(), p.stderr.read()) for p in chosen]
