"""The tasks spiral and char: one training step, all competitors in turns."""

import contextlib
import dataclasses
import tempfile
from pathlib import Path

import interleaved
import limits
import operations
import problem
from competitors import OUR_LOOP, OURS, chosen, start, words

CHECKED_UPDATES = 20
# The competitors of each task, and how many steps make a turn.
TASKS = {
    "spiral": (("luxtorch_recurrence", "luxtorch_python", "luxtorch_compiled", "libtorch_module", "pytorch_module",
                "compiled_module", "jax_scan", "luxtorch_struct", "luxtorch_compact", "libtorch_cells", "pytorch_cells",
                "compiled_cells"), 20),
    "char": (("luxtorch_recurrence", "luxtorch_python", "luxtorch_compiled", "libtorch_module", "pytorch_module",
              "compiled_module", "jax_scan"), 5),
}


def shape_of(options, task):
    if task == "char":
        return problem.char(options.cell)
    return problem.spiral(options.cell, options.batch, options.time, options.hidden)


def describe(task, s):
    layers = f"{s.layers} {s.cell.upper()} layers" if s.layers > 1 else f"an {s.cell.upper()}"
    if s.cell == "gru" and s.layers == 1:
        layers = "a GRU"
    head = ("Dense(hidden => 1, sigmoid) of the last output, binary cross-entropy" if s.loss == "binary" else
            f"Dense(hidden => {s.outputs}) of every output, mean cross-entropy")
    return (f"{task}: a training step of {layers}, batch {s.batch}, time {s.time}, in {s.inputs}, "
            f"hidden {s.hidden}; {head}, Adam({s.lr:g})")


def check(competitors):
    """That all compute the same; their first loss and the one after so many updates, in words."""
    first = next(interleaved.play(competitors, rounds=1, warm=CHECKED_UPDATES, steps=1))
    values = {name: turn.values for name, turn in first.items()}
    if wrong := interleaved.disagreement(values):
        raise interleaved.Failed("they do not compute the same:\n" + wrong)
    after = ", ".join(f"{name} {values[name][-1]:.6f}" for name in (c.name for c in competitors))
    return [f"all start at loss {values[OURS][0]:.6f}; after {CHECKED_UPDATES} updates: {after}"], {
        name: own[-1] for name, own in values.items()}


def play(competitors, options, steps, limit):
    rounds = []
    for turns in interleaved.play(competitors, options.rounds, options.warm, steps):
        rounds.append({c.name: turns[c.name] for c in competitors})
        limit.measure()
    return rounds


def table(found, loop, shares, cell):
    """loop: the comparisons with the loop, or None."""
    width = max(len(words(name, cell)) for name in found)
    heads = (f"{'':{width}}    minimum     median  processor  of the   times as long as Recurrence",
             f"{'':{width}}         ms         ms         ms   limit   minima   rounds (10 % to 90 %)")
    if loop:
        heads = (heads[0] + "      as the loop over cells", heads[1] + "    minima   rounds (10 % to 90 %)")
    lines = list(heads)
    for name, c in found.items():
        line = (f"{words(name, cell):{width}} {c.minimum:10.3f} {c.median:10.3f} {c.cpu:10.3f} "
                f"{limits.percent(shares[name]):>6}   {ratios(c)}")
        lines.append(line + (f"   {ratios(loop[name])}" if loop else ""))
    return [line.rstrip() for line in lines]


def ratios(c):
    spread = f"{c.ratio:.2f} ({c.ratio_low:.2f} to {c.ratio_high:.2f})"
    return f"{c.ratio_of_minimums:6.2f}   {spread:22}"


def run(options, task, limit):
    shape = shape_of(options, task)
    names, steps = TASKS[task]
    print("\n" + describe(task, shape))
    with contextlib.ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "problem"
        problem.write(file, shape)
        competitors = start(options, chosen(options, names), stack, file)
        lines, losses = check(competitors)
        print("\n".join(lines))
        rounds = play(competitors, options, options.steps or steps, limit)
    found = interleaved.compare(rounds, OURS)
    loop = interleaved.compare(rounds, OUR_LOOP) if OUR_LOOP in found else None
    count = operations.of_products(shape, training=True)
    for name, c in found.items():
        limit.saw(count / c.minimum / 1e6, words(name, options.cell))
    shares = {name: limit.share(count, c.minimum * 1e6) for name, c in found.items()}
    alone = limit.rate and count / limit.rate / 1e6
    print(limit.words() + (f"; the products alone: {alone:.3f} ms" if alone else ""))
    print("\n" + "\n".join(table(found, loop, shares, options.cell)))
    return {
        "shape": dataclasses.asdict(shape),
        "versions": {c.name: c.about for c in competitors},
        "losses": losses,
        "limit_ms": alone,
        "rows": {name: {**dataclasses.asdict(c), "share_of_limit": shares[name]} for name, c in found.items()},
        "rows_by_loop": {name: dataclasses.asdict(c) for name, c in (loop or {}).items()},
        "ns": {name: [turns[name].ns for turns in rounds] for name in found},
        "cpu_ns": {name: [turns[name].cpu_ns for turns in rounds] for name in found},
    }
