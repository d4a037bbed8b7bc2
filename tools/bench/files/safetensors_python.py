"""The safetensors package in the files task: the conversation of luxtorch.cpp, with the tensors of a file."""

import json
import sys
import time
from pathlib import Path


def answer(**values):
    print(json.dumps(values), flush=True)


def memory(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def measure(f):
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    start = time.perf_counter_ns()
    kept = f()
    ns = time.perf_counter_ns() - start
    answer(ns=ns, peak=memory("VmHWM") - before)
    del kept


def main():
    try:
        import safetensors.torch
        import torch
    except ImportError as error:
        answer(skip=f"Python has no {error.name}")
        return
    answer(ready=f"safetensors {safetensors.__version__}", threads=torch.get_num_threads())
    tensors = {}
    for line in sys.stdin:
        what, file = line.split()
        if what == "tree":  # that of a file
            tensors = {name: t.clone() for name, t in safetensors.torch.load_file(file).items()}
            answer(bytes=sum(t.nbytes for t in tensors.values()))
        elif what == "save":
            measure(lambda: safetensors.torch.save_file(tensors, file))
        else:
            # As a user of the values would have them: the package maps files, so that loading alone reads nothing.
            measure(lambda: {name: t.clone() for name, t in safetensors.torch.load_file(file).items()})


if __name__ == "__main__":
    main()
