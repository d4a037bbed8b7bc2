"""One of two processes that train by PyTorch's own data parallelism: data_parallel.py RANK STORE. distributed_test.py
starts it, and reads what rank 0 prints: {wrapper: {module: {package: [losses, whether the kernels ran]}}}.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import luxtorch

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

SIZE, STEPS = 2, 20
OPTIONS = {"LSTM": dict(num_layers=2, bidirectional=True), "GRU": dict(num_layers=2), "RNN": dict(nonlinearity="relu")}


class Classifier(torch.nn.Module):
    def __init__(self, package, name):
        super().__init__()
        options = OPTIONS[name]
        self.recurrence = getattr(package, name)(3, 8, batch_first=True, **options)
        self.head = torch.nn.Linear(16 if options.get("bidirectional") else 8, 1)

    def forward(self, x):
        return self.head(self.recurrence(x)[0][:, -1])


def alone(model):
    return model


def fsdp2(model):
    mesh = init_device_mesh("cpu", (SIZE,))
    fully_shard(model.recurrence, mesh=mesh)
    fully_shard(model, mesh=mesh)
    assert all(isinstance(p, DTensor) for p in model.parameters())
    return model


def train(wrapper, package, name, part):
    """The losses of the whole batch, and whether luxtorch's kernels ran last."""
    torch.manual_seed(0)
    model = wrapper(Classifier(package, name))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.randn(32, 6, 3)
    y = x.sum((1, 2)).tanh().unsqueeze(-1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (model(x[part]) - y[part]).square().mean()
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        losses.append(mean.item() / SIZE)
    return losses, luxtorch.nn.last_path().kernels


def main(rank, store):
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=SIZE)
    found = {}
    for wrapper in (alone, DistributedDataParallel, fsdp2):
        part = slice(None) if wrapper is alone else slice(rank, None, SIZE)
        found[wrapper.__name__] = {
            name: {"torch": train(wrapper, torch.nn, name, part), "luxtorch": train(wrapper, luxtorch.nn, name, part)}
            for name in OPTIONS}
    if rank == 0:
        print(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
