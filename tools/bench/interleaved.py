"""Measures competitors in turns, so that whatever else the machine does hits all of them alike.

    with Competitor("luxtorch", ["build/release/bench/a"], environment) as a, Competitor(...) as b:
        for round in play([a, b], rounds=30, warm=3, steps=20):
            print(round)                          # {"luxtorch": Turn, ...}, in a new order every time

Each competitor is a process of its own, started once; between its turns it waits for a line (turns.py
has the conversation). A turn starts from fresh values, so its numbers can be compared with another's.
"""

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
    """The competitor says that it cannot run here."""


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

    def take_turn(self, warm, steps):
        try:
            self.process.stdin.write(f"turn {warm} {steps}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() tells how it ended
        answer = self.read()
        if len(answer.get("ns", [])) != steps or len(answer.get("values", [])) != warm + steps:
            raise Failed(f"{self.name} was asked for {warm} + {steps} steps and answered {answer}")
        return Turn(answer["values"], answer["ns"], answer.get("cpu_ns", 0))

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


def play(competitors, rounds, warm, steps, seed=0, pause=0.002):
    """Yields {name: Turn} for each round. The pause lets the last one's threads go to sleep."""
    order, shuffle = list(competitors), random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        turns = {}
        for competitor in order:
            turns[competitor.name] = competitor.take_turn(warm, steps)
            time.sleep(pause)
        yield turns


def disagreement(turns, first=1e-5, last=1e-3):
    """Which competitors compute something else, in words; "" when none does.

    turns: {name: Turn} of equally many steps. The first values must agree within `first`, the last
    ones, after so many updates, within `last`, relative to their median.
    """
    found = []
    for where, place, limit in (("first", 0, first), ("last", -1, last)):
        values = [turn.values[place] for turn in turns.values()]
        middle = statistics.median_low([v for v in values if math.isfinite(v)] or values)
        for name, turn in turns.items():
            value = turn.values[place]
            if not abs(value - middle) <= limit * abs(middle):
                found.append(f"{name}: the {where} value is {value:.8g}, the others' is {middle:.8g}")
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


def compare(rounds, base):
    """{name: Comparison} with the competitor named base, from a list of {name: Turn}."""
    times = {name: [t for turns in rounds for t in turns[name].ns] for name in rounds[0]}
    # A turn is as long as its median step: one interruption does not make it a slow one.
    turn = {name: [statistics.median(turns[name].ns) for turns in rounds] for name in times}
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
