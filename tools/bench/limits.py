"""The processor's limit, measured by the program limit, for those who say what share of it something reaches.

    limit = Limit(program, threads=2)          # on the first two processors that this process may use
    limit.measure()                            # again between other measurements: the best figure counts
    limit.saw(rate, "MKL, 1024 x 1024 x 1024") # a rate that was reached is no limit's upper bound: it rises
    limit.share(operations, ns)                # of the time that something took, at most 1

Rates are operations in a nanosecond (GFLOP/s), of float32, a multiply-add being two operations. Where the
program is not built, rate and all shares are None, and missing says why.
"""

import contextlib
import json
import os
import platform
import subprocess
from pathlib import Path


def processor():
    """Its name, as the system says it."""
    with contextlib.suppress(OSError, StopIteration):
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def percent(share):
    return "-" if share is None else f"{share:.1%}"


class Limit:
    def __init__(self, program, threads):
        self.threads, self.cpus = threads, sorted(os.sched_getaffinity(0))[:threads]
        self.command = [str(program), "--json", "--only", "fma", "--threads", str(threads)]
        self.rate = self.vectors = self.raised_by = self.missing = None
        if not Path(program).exists():
            self.missing = f"the share of the limit: {program} is not built"
            return
        self.measure(milliseconds=200)

    def measure(self, milliseconds=20):
        """Once more. subprocess.CalledProcessError where the program fails."""
        if self.missing:
            return
        run = subprocess.run([*self.command, "--milliseconds", str(milliseconds)], capture_output=True, text=True,
                             check=True, preexec_fn=lambda: os.sched_setaffinity(0, self.cpus))
        found = json.loads(run.stdout)
        self.vectors = found["vectors"]
        if (rate := found["fma"]["float32"]["all"]) > (self.rate or 0):
            self.rate, self.raised_by = rate, None

    def saw(self, rate, name):
        """A rate that something called name reached. Above what the loop of multiply-adds did it is the limit itself."""
        if not self.missing and rate > self.rate:
            self.rate, self.raised_by = rate, name

    def share(self, operations, ns):
        """How much of the time ns so many operations need at the limit, at most 1, or None."""
        return None if self.missing else min(1.0, operations / self.rate / ns)

    def words(self):
        """What the limit is, in a sentence, or why there is none."""
        if self.missing:
            return f"skipped: {self.missing}"
        cores = f"{self.threads} processor" + "s" * (self.threads > 1)
        source = f"reached by {self.raised_by}, above its loop of multiply-adds" if self.raised_by else "multiply-adds in registers"
        return f"limit: {self.rate:.0f} GFLOP/s on {cores} with {self.vectors} ({source})"
