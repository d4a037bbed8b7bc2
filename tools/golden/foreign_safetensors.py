"""A safetensors file of PyTorch's own, tests/golden/foreign.safetensors, and its values: a model's state_dict and
every dtype. Needs safetensors (pip)."""

import torch
from generate import TARGET, values
from safetensors.torch import save_file

EXACT = {"float64": torch.float64, "float32": torch.float32, "int64": torch.int64, "bool": torch.bool}
# These have no place in a golden file: their values stand there as float32, which holds them all.
WIDENED = {"float16": torch.float16, "bfloat16": torch.bfloat16, "int32": torch.int32, "int16": torch.int16,
           "int8": torch.int8, "uint8": torch.uint8, "uint16": torch.uint16, "uint32": torch.uint32,
           "uint64": torch.uint64, "float8_e4m3fn": torch.float8_e4m3fn, "float8_e5m2": torch.float8_e5m2}


def generate():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LSTM(2, 2))
    numbers = values(2, 3, scale=100, shift=100).abs().round()
    state = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    dtypes = {f"dtypes.{name}": numbers.to(dtype) for name, dtype in {**EXACT, **WIDENED}.items()}
    edges = {"empty": torch.zeros(0, 3), "scalar": torch.tensor(2.5), "odd": torch.tensor([True, False, True])}
    tensors = {**state, **dtypes, **edges}
    save_file(tensors, TARGET / "foreign.safetensors", metadata={"license": "none"})
    widened = {f"dtypes.{name}" for name in WIDENED}
    return [{"name": name, "dtype": str(t.dtype).removeprefix("torch."), "value": t.float() if name in widened else t}
            for name, t in sorted(tensors.items())]
