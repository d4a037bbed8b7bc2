"""The measurements of distributed_bench: start-up, messages, training steps."""

import random
import statistics
import tempfile
import time
from pathlib import Path

import interleaved
import problem
import team

PAUSE = 0.01  # seconds in which the last turn's threads go to sleep
KINDS = {  # of messages: who, what it is asked for, in words
    "step": ("luxtorch", "step", "luxtorch, a step's message"),
    "sum": ("luxtorch", "sum", "luxtorch, Group::sum_"),
    "pytorch": ("pytorch", "sum", "PyTorch, all_reduce"),
}


def shapes(options):
    """{name: the problem's shape}, whose batch is that of all processes."""
    p = options.processes
    return {
        "spiral": problem.spiral(batch=64 * p),
        "large": problem.Shape("lstm", "squares", batch=4 * p, time=8, inputs=min(128, options.hidden),
                               hidden=options.hidden, outputs=0, layers=2, lr=0.0001),
    }


def startup(options, names):
    """{name: seconds from init to the end of the first barrier}, the shortest start of the slowest process."""
    found = {name: [] for name in names}
    for _ in range(options.starts):
        for name in names:
            with team.start(name, options) as one:
                found[name].append(max(one.times("join")) / 1e9)
    return {name: min(seconds) for name, seconds in found.items()}


def slowest(times):
    """(shortest, median) in seconds of what each process took; the process whose shortest is the longest."""
    return max(min(ns) for ns in times) / 1e9, statistics.median(t for ns in times for t in ns) / 1e9


def sizes(most):
    found, size = [], 4
    while size < most:
        found.append(size)
        size *= 4
    return found + [most]


def messages(options, teams):
    """{kind: {bytes: (shortest, median)}} in seconds; the kinds take turns."""
    shuffle = random.Random(0).shuffle
    kinds = [kind for kind, (name, *_) in KINDS.items() if name in teams]
    found = {kind: {} for kind in kinds}
    for size in sizes(options.most_bytes):
        times = max(2, min(options.messages, options.messages * (1 << 20) // size))
        turns = {kind: [[] for _ in range(options.processes)] for kind in kinds}
        for _ in range(options.message_rounds):
            shuffle(kinds)
            for kind in kinds:
                name, what, _ = KINDS[kind]
                for all_times, ns in zip(turns[kind], teams[name].times(f"message {what} {size} 2 {times}")):
                    all_times += ns
                time.sleep(PAUSE)
        for kind in kinds:
            found[kind][size] = slowest(turns[kind])
    return found


def steps(options, teams, name, shape):
    """A model's trainings in turns: {parameters, losses, rows: {(who, kind): {"best", "median", "rounds"}}}."""
    count = options.steps or {"spiral": 50, "large": 3}[name]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem"
        problem.write(file, shape)
        parameters = {one.name: one.ask(f"open {file}")[0]["parameters"] for one in teams.values()}
    if len(set(parameters.values())) != 1:
        raise interleaved.Failed(f"{name}: the models have other numbers of parameters: {parameters}")
    order, shuffle = [(who, kind) for who in teams for kind in ("plain", "group")], random.Random(0).shuffle
    times = {one: [[] for _ in range(options.processes)] for one in order}
    rounds, losses = {one: [] for one in order}, {one: [] for one in order}
    for _ in range(options.rounds):
        shuffle(order)
        for one in order:
            answers = teams[one[0]].ask(f"turn {one[1]} 1 {count}")
            for all_times, answer in zip(times[one], answers):
                all_times += answer["ns"]
            rounds[one].append(statistics.median(t for a in answers for t in a["ns"]) / 1e9)
            # The mean of the processes' own losses is what luxtorch's group gives on each of them.
            losses[one] += [statistics.fmean(v) for v in zip(*(a["values"] for a in answers))]
            time.sleep(PAUSE)
    check(name, losses)
    rows = {}
    for one in times:
        best, median = slowest(times[one])
        rows[one] = {"best": best, "median": median, "rounds": rounds[one]}
    return {"parameters": parameters["luxtorch"], "losses": losses["luxtorch", "group"][:2], "rows": rows}


def check(name, losses):
    """Failed where the group's losses differ: both sides train on the same rows from the same parameters."""
    groups = {who: values[:20] for (who, kind), values in losses.items() if kind == "group"}
    if wrong := interleaved.disagreement(groups):
        raise interleaved.Failed(f"{name}: they do not compute the same:\n{wrong}")


def overhead(rows, who):
    """Seconds that a group adds to a step: between the shortest steps, and the median of the rounds' pairs."""
    plain, group = rows[who, "plain"], rows[who, "group"]
    pairs = [g - p for g, p in zip(group["rounds"], plain["rounds"])]
    return {"best": group["best"] - plain["best"], "median": statistics.median(pairs)}
