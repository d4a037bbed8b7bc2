"""Measures how fast files are saved and loaded, beside dd and cat in the same folder.

    tools/run files                          vectors and matrices of 1 GB, all formats
    tools/run files --megabytes 200 --task matrices --format jld2 --folder /mnt/disk

Saving is compared with `dd if=/dev/zero bs=8M conv=fsync` of as many bytes, since save() returns when the disk
has the file, loading with a warm `cat FILE > /dev/null`. Each round takes all of them in another order; the
shortest times of all rounds are compared: 0.7 means 0.7 of the rate of dd or cat. Memory is the most that a
process has meanwhile, without the tree that is saved or the one that was loaded. The safetensors package of
Python reads and writes luxtorch's tensors; it does not wait for the disk, and to the time of load_file belongs
a copy of the tensors, which otherwise are the file itself, mapped.
"""

import argparse
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import interleaved  # noqa: E402

TASKS = ("vectors", "matrices")
FORMATS = ("jld2", "safetensors", "pt", "npz")
MIB = 1 << 20


def parse(arguments):
    parser = argparse.ArgumentParser(prog="files", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--format", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--megabytes", type=int, default=1000, help="of the tree (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()),
                        help="where the files are (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes what was found to FILE")
    parser.add_argument("--programs", type=Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def timed(command):
    start = time.perf_counter_ns()
    subprocess.run(command, shell=True, check=True, stderr=subprocess.DEVNULL)
    return {"ns": time.perf_counter_ns() - start}


class Task:
    """One tree, and who saves and loads it."""

    def __init__(self, options, folder, ours, python, kind):
        self.folder, self.ours, self.python = folder, ours, python
        self.bytes = ours.ask(f"tree {kind} {options.megabytes}")["bytes"]
        self.formats = []
        for extension in options.format:
            self.asked(ours, f"save {self.file(extension)}")
            if not ours.ask(f"check {self.file(extension)}")["equal"]:
                raise interleaved.Failed(f"{extension}: what was loaded is not what was saved")
            self.formats.append(extension)
        if python:
            ours.ask(f"save {self.file('safetensors')}")
            python.ask(f"tree {self.file('safetensors')}")

    def file(self, extension):
        return self.folder / f"ours.{extension}"

    @staticmethod
    def asked(competitor, question):
        found = competitor.ask(question)
        if "skip" in found:
            raise interleaved.Failed(f"{competitor.name}: {question}: {found['skip']}")
        return found

    def saves(self):
        """{name: a function that saves once}; dd first."""
        zeros = self.folder / "dd"
        blocks = f"bs=8M count={self.bytes} iflag=count_bytes"
        found = {"dd": lambda: timed(f"dd if=/dev/zero of='{zeros}' {blocks} conv=fsync")}
        for extension in self.formats:
            found[extension] = functools.partial(self.asked, self.ours, f"save {self.file(extension)}")
        if self.python:
            found["safetensors, Python"] = lambda: self.asked(self.python, f"save {self.folder / 'python'}")
        return found

    def loads(self):
        file = self.file(self.formats[0])
        found = {"cat": lambda: timed(f"cat '{file}' > /dev/null")}
        for extension in self.formats:
            found[extension] = functools.partial(self.asked, self.ours, f"load {self.file(extension)}")
        if self.python:
            found["safetensors, Python"] = lambda: self.asked(self.python, f"load {self.file('safetensors')}")
        return found


def play(turns, rounds, after=lambda: None):
    """{name: [what each round's turn gave]}"""
    found, order = {name: [] for name in turns}, list(turns)
    shuffle = random.Random(0).shuffle
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            found[name].append(turns[name]())
            after()
    return found


def summary(found, size, own_memory):
    """{name: seconds, rate as a share of the first one's, MiB beyond the tree}"""
    least = {name: min(turn["ns"] for turn in turns) for name, turns in found.items()}
    first = next(iter(least.values()))
    return {name: {
        "seconds": ns / 1e9,
        "rate": first / ns,
        "memory": max((turn["peak"] - own_memory) / MIB for turn in found[name]) if "peak" in found[name][0] else None,
    } for name, ns in least.items()}


def show(title, rows, size):
    print(f"\n{title}")
    for name, row in rows.items():
        memory = "" if row["memory"] is None else f"{row['memory']:9.0f} MiB"
        print(f"  {name:20} {size / 1e9 / row['seconds']:8.2f} GB/s {row['rate']:8.2f} {memory}")


def main(arguments):
    options = parse(arguments)
    if shutil.disk_usage(options.folder).free < (len(options.format) + 3) * options.megabytes * 1e6:
        sys.exit(f"{options.folder} has no room for {len(options.format) + 2} files; --folder or --megabytes "
                 "chooses another")
    found = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, \
            interleaved.Competitor("luxtorch", [options.programs / "luxtorch"]) as ours:
        try:
            python = interleaved.Competitor(
                "safetensors", [sys.executable, HERE / "safetensors_python.py"])
        except interleaved.Skipped as reason:
            print(f"skipped: safetensors of Python: {reason}")
            python = None
        for kind in options.task:
            task = Task(options, Path(folder), ours, python, kind)
            sync = lambda: os.sync()
            found[kind] = {
                "bytes": task.bytes,
                "save": summary(play(task.saves(), options.rounds, sync), task.bytes, 0),
                "load": summary(play(task.loads(), options.rounds), task.bytes, task.bytes)}
            for what in ("save", "load"):
                show(f"{what} {kind}, {task.bytes / 1e6:.0f} MB: rate, share of "
                     f"{'dd' if what == 'save' else 'cat'}, memory beside the tree", found[kind][what], task.bytes)
        if python:
            python.close()
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
