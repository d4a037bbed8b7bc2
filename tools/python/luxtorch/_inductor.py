"""Tells torch.compile's inductor, once something imports it, that the operators run as they are."""

import importlib.util
import sys

import torch

NAME = "torch._inductor.lowering"


def register():
    lowering = sys.modules[NAME]
    for name in ("recurrent", "recurrent_forward", "recurrent_backward"):
        operator = getattr(torch.ops.luxtorch, name).default
        if operator not in lowering.lowerings:
            lowering.make_fallback(operator)


class _AfterImport:
    """Of sys.meta_path: inductor is too large to be imported by who does not compile."""

    def find_spec(self, name, path=None, target=None):
        if name != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            register()

        spec.loader.exec_module = exec_module
        return spec


def register_when_imported():
    if NAME in sys.modules:
        register()
    else:
        sys.meta_path.insert(0, _AfterImport())
