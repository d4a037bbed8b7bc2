"""A competitor's side of an interleaved measurement, for those written in Python.

    turns.take(about="PyTorch 2.13.0", open_problem=open_problem, threads=2)

open_problem(file, what) gets ready for one problem, what is "step" for training steps and "forward"
for predictions, and returns start; start() makes everything anew and returns (step, value): step()
does one unit of work and is timed, value() is not, and gives the number of the last step, which the
competitors must agree on. An exception from open_problem says that this competitor cannot do it.
turns.h is the same in C++; interleaved.py asks the questions:

    competitor: {"ready": "PyTorch 2.13.0", "threads": 2}     or {"skip": "why it cannot run"}
    driver:     problem step /tmp/spiral
    competitor: {"problem": "/tmp/spiral"}                    or {"skip": "why it cannot do this one"}
    driver:     turn 3 20                                    afresh, 3 steps to warm up, 20 more
    competitor: {"values": [23 numbers], "ns": [20 times], "cpu_ns": the processor time of all 20}
    driver:     more 20                                      goes on where the last turn ended
    competitor: {"values": [20 numbers], "ns": [20 times], "cpu_ns": ...}

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


def take(about, open_problem, threads=None):
    answer(ready=about, threads=threads)
    start = work = None
    for line in sys.stdin:
        word, rest = line.rstrip("\n").split(" ", 1)
        if word == "problem":
            what, file = rest.split(" ", 1)
            start = work = None  # frees the last one
            try:
                start = open_problem(file, what)
            except Exception as error:
                answer(skip=f"{type(error).__name__}: {error}".strip().splitlines()[0])
                continue
            answer(problem=file)
        elif word == "turn":
            work = None
            work = start()
            take_turn(*work, *map(int, rest.split()))
        else:
            take_turn(*work, 0, int(rest))


def take_turn(step, value, warm, steps):
    values, times = [], []
    for _ in range(warm):
        step()
        values.append(value())
    cpu = 0
    for _ in range(steps):
        cpu_before = time.process_time_ns()
        before = time.perf_counter_ns()
        step()
        times.append(time.perf_counter_ns() - before)
        cpu += time.process_time_ns() - cpu_before
        values.append(value())
    answer(values=values, ns=times, cpu_ns=cpu)
