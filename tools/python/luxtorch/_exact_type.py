"""For what goes by a module's exact type, or by its place in torch.nn, and so does not know luxtorch.nn's classes."""

import warnings

import torch
from torch.fx import Proxy
from torch.nn.utils import parametrize

counterparts = {}  # torch.nn's class: luxtorch.nn's


def to_torch(model):
    """Makes torch.nn's LSTM, GRU and RNN of all of luxtorch.nn's in model, in place, and returns it.

    Parameters, hooks and parametrisations stay. Classes that derive from luxtorch.nn's are left as they are.
    """
    return _switched(model, {ours: theirs for theirs, ours in counterparts.items()}, "to_torch")


def from_torch(model):
    """Makes luxtorch.nn's LSTM, GRU and RNN of all of torch.nn's in model, in place, and returns it.

    Parameters, hooks and parametrisations stay. Classes that derive from torch.nn's are left as they are, and so is
    what torch.jit has compiled.
    """
    return _switched(model, counterparts, "from_torch")


def _switched(model, classes, name):
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"[luxtorch.nn.{name}] expected a torch.nn.Module, got {type(model).__name__}.")
    for module in model.modules():
        cls = _counterpart(module, classes)
        if cls is not None:
            module.__class__ = cls
    return model


def _counterpart(module, classes):
    """The class that module shall have, or None where it shall keep its own."""
    cls = type(module)
    if cls in classes:
        return classes[cls]
    if parametrize.is_parametrized(module) and cls.__bases__[0] in classes:
        own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__", "_overrides")}
        return type(cls.__name__, (classes[cls.__bases__[0]],), own)
    return None


class Module:
    """What luxtorch.nn's classes tell torch.jit.script, torch.fx and torch.ao.quantization."""

    def __prepare_scriptable__(self):
        cls = _counterpart(self, {ours: theirs for theirs, ours in counterparts.items()})
        if cls is None:
            raise TypeError(f"torch.jit.script cannot compile {type(self).__name__}, which derives from luxtorch.nn's "
                            "class. Derive it from torch.nn's, or trace it.")
        module = cls.__new__(cls)
        module.__dict__ = self.__dict__  # the same parameters, now and later
        return module

    def _leaf_of_trace(self, input, hx):
        """The call as torch.fx records one of torch.nn's modules, or None where no trace asks for it."""
        values = (input, *hx) if isinstance(hx, (tuple, list)) else (input, hx)
        proxy = next((value for value in values if isinstance(value, Proxy)), None)
        path = proxy.tracer.path_of_module(self) if proxy is not None else ""
        if not path:
            return None
        before = [hook for hook in self._forward_pre_hooks.values()
                  if not type(hook).__module__.startswith("torch.nn.utils.")]  # these only compute parameters
        if before or self._forward_hooks:
            raise RuntimeError(f"torch.fx would run the forward hooks of {path} twice. Call luxtorch.nn.to_torch(model) "
                               "before it, and luxtorch.nn.from_torch(traced) after it.")
        return proxy.tracer.create_proxy("call_module", path, (input,) if hx is None else (input, hx), {})

    @property
    def qconfig(self):
        if "qconfig" not in self.__dict__:
            raise AttributeError("qconfig")
        return self.__dict__["qconfig"]

    @qconfig.setter
    def qconfig(self, value):
        warnings.warn(f"torch.ao.quantization does not know luxtorch.nn.{type(self).__name__} and leaves it in floating "
                      "point. Call luxtorch.nn.to_torch(model) before it.", stacklevel=2)
        self.__dict__["qconfig"] = value

    @qconfig.deleter
    def qconfig(self):
        del self.__dict__["qconfig"]
