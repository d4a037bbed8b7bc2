"""Measures competitors in turns, so that whatever else the machine does hits all of them alike.

    with Competitor("luxtorch", ["build/release/bench/a"], environment) as a, Competitor(...) as b:
        for competitor in (a, b):
            competitor.open("/tmp/problem")
        for round in play([a, b], rounds=30, warm=3, steps=20):
            print(round)                          # {"luxtorch": Turn, ...}, in a new order every time

Each competitor is a process of its own, started once; between its turns it waits for a line (turns.py
has the conversation). A turn starts from fresh values, so its numbers can be compared with another's,
or goes on where the last one ended.
"""

import argparse
import dataclasses
import json
import math
import os
import random
import select
import statistics
import subprocess
import tempfile
import time


class Skipped(Exception):
    """The competitor says that it cannot run here, or cannot do the problem."""


class Failed(Exception):
    """The competitor ended, or said something that is not an answer."""


@dataclasses.dataclass
class Turn:
    values: list  # what the steps returned, those that warm up included
    ns: list  # how long the others took
    cpu_ns: int = 0  # processor time of these, of all threads together


class Competitor:
    """A child process. Skipped or Failed when it does not get ready; about and threads are its own words."""

    def __init__(self, name, command, environment=None, cpus=None, patience=300):
        self.name = name
        self.patience = patience
        self.errors = tempfile.TemporaryFile()
        pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
        try:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=self.errors, env={**os.environ, **(environment or {})}, preexec_fn=pin)
        except OSError as error:
            raise Skipped(f"it does not start: {error.strerror}") from error
        self.buffer = b""
        try:
            first = self.read()
            if "skip" in first:
                raise Skipped(first["skip"])
            self.about, self.threads = first["ready"], first.get("threads")
        except BaseException:
            self.close()
            raise

    def open(self, file, what="step"):
        """Gives it a problem's file, for training steps or, what="forward", predictions."""
        answer = self.ask(f"problem {what} {file}")
        if "skip" in answer:
            raise Skipped(answer["skip"])
        if answer.get("problem") != str(file):
            raise Failed(f"{self.name} was given {file} and answered {answer}")

    def take_turn(self, warm, steps):
        return self.turn(f"turn {warm} {steps}", warm, steps)

    def take_more(self, steps):
        return self.turn(f"more {steps}", 0, steps)

    def memory(self):
        """(the most resident memory so far, that of now), in bytes.

        Not ru_maxrss, which in a new process begins at that of the one that started it.
        """
        with open(f"/proc/{self.process.pid}/status") as file:
            found = dict(line.split(":", 1) for line in file)
        return tuple(int(found[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))

    def turn(self, question, warm, steps):
        answer = self.ask(question)
        if len(answer.get("ns", [])) != steps or len(answer.get("values", [])) != warm + steps:
            raise Failed(f"{self.name} was asked for {warm} + {steps} steps and answered {answer}")
        return Turn(answer["values"], answer["ns"], answer.get("cpu_ns", 0))

    def ask(self, question):
        self.send(question)
        return self.read()

    def send(self, question):
        try:
            self.process.stdin.write(f"{question}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() tells how it ended

    def read(self):
        """Its next line, as JSON."""
        end = time.monotonic() + self.patience
        while b"\n" not in self.buffer:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"{self.name} said nothing for {self.patience} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise Failed(f"{self.name} ended with status {self.process.wait()}\n{self.last_words()}")
            self.buffer += part
        line, _, self.buffer = self.buffer.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise Failed(f"{self.name} said: {line.decode(errors='replace')}") from error
        if not isinstance(answer, dict):
            raise Failed(f"{self.name} said: {line.decode(errors='replace')}")
        return answer

    def last_words(self):
        self.errors.seek(0)
        return "\n".join(self.errors.read().decode(errors="replace").splitlines()[-15:])

    def close(self):
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def start(name, command, threads, environment=None):
    """A Competitor on the first `threads` processors, with as many threads: of OpenMP, of MKL and, by the
    processors that it sees, of XLA. Skipped where it cannot run, Failed where it uses another number of them."""
    same = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no helpers that stay
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    found = Competitor(name, command, {**same, **(environment or {})}, cpus, patience=900)
    if found.threads != threads:
        found.close()
        raise Failed(f"{name} uses {found.threads} threads, not {threads}")
    return found


def opened(starts, ours, stack, *problem):
    """The competitors that can do the problem, of {name: what starts it}; the others are named with their reason."""
    ready = []
    for name, start_one in starts.items():
        try:
            competitor = stack.enter_context(start_one())
            competitor.open(*problem)
        except Skipped as reason:
            print(f"skipped: {name}: {reason}")
            continue
        ready.append(competitor)
    if ours not in [c.name for c in ready]:
        raise Failed(f"{ours} cannot run, and the others would be compared with it")
    return ready


def positive(text):
    """An argument that is a whole number above 0."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def play(competitors, rounds, warm, steps, seed=0, pause=0.01):
    """Yields {name: Turn} for each round. The pause lets the last one's threads go to sleep: OpenMP's
    wait for more work for some milliseconds, and processors that wait are not free for the next one."""
    order, shuffle = list(competitors), random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        turns = {}
        for competitor in order:
            turns[competitor.name] = competitor.take_turn(warm, steps)
            time.sleep(pause)
        yield turns


def disagreement(values, first=1e-5, last=1e-4):
    """Which competitors compute something else, in words; "" when none does.

    values: {name: a list for each, equally long}. The first ones must agree within `first`, the last
    ones, after so many updates, within `last`, relative to their median.
    """
    found = []
    for where, place, limit in (("first", 0, first), ("last", -1, last)):
        middle = statistics.median_low(
            [v[place] for v in values.values() if math.isfinite(v[place])] or [math.nan])
        for name, own in values.items():
            if not abs(own[place] - middle) <= limit * abs(middle):
                found.append(f"{name}: the {where} value is {own[place]:.8g}, the others' is {middle:.8g}")
    return "\n".join(found)


@dataclasses.dataclass
class Comparison:
    """One competitor in milliseconds and against another one."""

    minimum: float  # of all steps
    median: float
    cpu: float  # processor time of a step, of all threads; the median over the rounds
    ratio_of_minimums: float
    ratio: float  # median over the rounds of this one's turn / the other's turn of the same round
    ratio_low: float  # the 10th and 90th percentile of it
    ratio_high: float


def turn_ns(turn):
    """A turn is as long as its median step: one interruption does not make it a slow one."""
    return statistics.median(turn.ns)


def compare(rounds, base):
    """{name: Comparison} with the competitor named base, from a list of {name: Turn}."""
    times = {name: [t for turns in rounds for t in turns[name].ns] for name in rounds[0]}
    turn = {name: [turn_ns(turns[name]) for turns in rounds] for name in times}
    found = {}
    for name, all_times in times.items():
        ratios = [a / b for a, b in zip(turn[name], turn[base])]
        tenths = statistics.quantiles(ratios, n=10, method="inclusive") if len(ratios) > 1 else ratios
        found[name] = Comparison(
            minimum=min(all_times) / 1e6,
            median=statistics.median(all_times) / 1e6,
            cpu=statistics.median(turns[name].cpu_ns / len(turns[name].ns) for turns in rounds) / 1e6,
            ratio_of_minimums=min(all_times) / min(times[base]),
            ratio=statistics.median(ratios),
            ratio_low=tenths[0],
            ratio_high=tenths[-1],
        )
    return found
