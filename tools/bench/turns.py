"""A competitor's side of an interleaved measurement, for those written in Python.

    turns.take(about="PyTorch 2.13.0", start=lambda: step, threads=2)

start() makes everything anew and returns step, a function that does one unit of work and returns one
number, which the competitors must agree on. turns.h is the same in C++; interleaved.py asks the
questions:

    competitor: {"ready": "PyTorch 2.13.0", "threads": 2}     or {"skip": "why it cannot run"}
    driver:     turn 3 20                                    3 steps to warm up, 20 more
    competitor: {"values": [23 numbers], "ns": [20 times], "cpu_ns": the processor time of all 20}

Nothing but these lines goes to the standard output.
"""

import json
import sys
import time


def answer(**parts):
    print(json.dumps(parts), flush=True)


def skip(reason):
    answer(skip=reason)
    sys.exit(0)


def take(about, start, threads=None):
    answer(ready=about, threads=threads)
    for line in sys.stdin:
        _, warm, steps = line.split()
        step = start()
        values = [step() for _ in range(int(warm))]
        times = []
        cpu_before = time.process_time_ns()
        for _ in range(int(steps)):
            before = time.perf_counter_ns()
            values.append(step())
            times.append(time.perf_counter_ns() - before)
        answer(values=values, ns=times, cpu_ns=time.process_time_ns() - cpu_before)
