"""PyTorch's side of distributed_bench: DistributedDataParallel over Gloo, with fused Adam.

luxtorch.cpp has the questions and answers, which are the same. The losses are those of this process' rows.
"""

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "recurrent")]

import problem as problems  # noqa: E402
import turns  # noqa: E402

try:
    import torch
    import torch.distributed as dist
    from torch import nn
except ImportError as error:
    turns.skip(f"this Python has no PyTorch ({error})")


class Model(nn.Module):
    def __init__(self, problem):
        super().__init__()
        shape = problem.shape
        self.kind = shape.loss
        self.recurrent = nn.LSTM(shape.inputs, shape.hidden, shape.layers, batch_first=True)
        self.head = nn.Linear(shape.hidden, shape.outputs) if shape.outputs else None
        with torch.no_grad():
            for name, values in problem.arrays.items():
                if name not in ("x", "y"):
                    module = self.head if name in ("weight", "bias") else self.recurrent
                    getattr(module, name).copy_(torch.from_numpy(values))

    def forward(self, x):
        last = self.recurrent(x)[0][:, -1]
        return self.head(last).sigmoid().squeeze(-1) if self.head else last


class Training:
    def __init__(self, problem, distributed):
        binary = problem.shape.loss == "binary"
        self.loss = nn.functional.binary_cross_entropy if binary else nn.functional.mse_loss
        self.model = Model(problem)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=problem.shape.lr, fused=True)
        if distributed:
            self.model = nn.parallel.DistributedDataParallel(self.model, gradient_as_bucket_view=True)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def timed(warm, times, call):
    ns = []
    for i in range(-warm, times):
        begin = time.perf_counter_ns()
        call()
        if i >= 0:
            ns.append(time.perf_counter_ns() - begin)
    return ns


class Member:
    def join(self):
        begin = time.perf_counter_ns()
        dist.init_process_group("gloo")
        dist.barrier()
        return {"ns": time.perf_counter_ns() - begin}

    def message(self, _, size, warm, times):
        tensor = torch.zeros(int(size) // 4)
        dist.barrier()
        return {"ns": timed(int(warm), int(times), lambda: dist.all_reduce(tensor))}

    def open(self, file):
        self.trainings = None  # frees the last ones
        problem = problems.read(file)
        batch, rank, size = problem.shape.batch, dist.get_rank(), dist.get_world_size()
        part = slice(batch * rank // size, batch * (rank + 1) // size)
        self.batch = [torch.from_numpy(problem.arrays[name][part]) for name in ("x", "y")]
        self.trainings = {"plain": Training(problem, False), "group": Training(problem, True)}
        return {"parameters": sum(p.numel() for p in self.trainings["plain"].model.parameters())}

    def turn(self, kind, warm, steps):
        training, values = self.trainings[kind], []
        dist.barrier()
        ns = timed(int(warm), int(steps), lambda: values.append(training.step(*self.batch)))
        return {"ns": ns, "values": values}


def main():
    turns.answer(ready=f"PyTorch {torch.__version__}, DistributedDataParallel", threads=torch.get_num_threads())
    member = Member()
    for line in sys.stdin:
        word, *arguments = line.rstrip("\n").split(" ", 1 if line.startswith("open") else -1)
        print(json.dumps(getattr(member, word)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
