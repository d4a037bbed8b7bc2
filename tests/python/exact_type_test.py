"""What goes by a module's exact type: torch.jit.script, torch.fx, quantisation, and whole models switched by class."""

import sys
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import Case, flat, luxtorch, pair

import torch
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

NAMES = ("LSTM", "GRU", "RNN")


class Model(torch.nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self.parts = torch.nn.ModuleDict({"recurrent": recurrent, "again": torch.nn.Sequential(recurrent)})
        self.head = torch.nn.Linear(recurrent.hidden_size, 3)

    def forward(self, x):
        y, _ = self.parts["recurrent"](x)
        return self.head(y)


def classes(model):
    return [type(m) for m in model.modules() if isinstance(m, torch.nn.RNNBase)]


class ExactTypeTest(Case):
    def setUp(self):
        torch.manual_seed(0)
        self.x = torch.randn(6, 4, 5)
        warnings.simplefilter("ignore", DeprecationWarning)

    def test_models_are_switched_in_place_and_back(self):
        for name in NAMES:
            model = Model(getattr(torch.nn, name)(5, 7))
            expected, parameters = model(self.x), dict(model.named_parameters())
            self.assertIs(luxtorch.nn.from_torch(model), model)
            self.assertEqual(classes(model), [getattr(luxtorch.nn, name)])
            self.assertClose(model(self.x), expected)
            self.assertKernels()
            for key, parameter in model.named_parameters():
                self.assertIs(parameter, parameters[key])
            self.assertIs(luxtorch.nn.to_torch(model), model)
            self.assertEqual(classes(model), [getattr(torch.nn, name)])
            self.assertClose(model(self.x), expected, limit=0)

    def test_a_module_itself_is_switched(self):
        lstm = luxtorch.nn.from_torch(torch.nn.LSTM(5, 7))
        self.assertIs(type(lstm), luxtorch.nn.LSTM)
        self.assertIs(type(luxtorch.nn.to_torch(lstm)), torch.nn.LSTM)

    def test_other_modules_and_derived_classes_are_left_alone(self):
        class Mine(torch.nn.LSTM):
            pass

        class Ours(luxtorch.nn.LSTM):
            pass

        model = torch.nn.ModuleList([Mine(5, 7), Ours(5, 7), torch.nn.LSTMCell(5, 7), torch.nn.Linear(5, 7)])
        before = [type(m) for m in model]
        for switch in (luxtorch.nn.from_torch, luxtorch.nn.to_torch):
            self.assertEqual([type(m) for m in switch(model)], before)
            with self.assertRaisesRegex(TypeError, r"\[luxtorch.nn.(to|from)_torch\] expected a torch.nn.Module, got dict"):
                switch({})

    def test_parametrised_and_pruned_modules_are_switched(self):
        theirs, ours = (torch.nn.LSTM(5, 7, dtype=torch.float64) for _ in range(2))
        for module in (theirs, ours):
            torch.manual_seed(0)
            parametrizations.weight_norm(module, "weight_hh_l0")
            prune.random_unstructured(module, "weight_ih_l0", amount=0.5)
        ours.load_state_dict(theirs.state_dict())
        luxtorch.nn.from_torch(ours)
        self.assertIsInstance(ours, luxtorch.nn.LSTM)
        x = self.x.double()
        self.assertClose(ours(x), theirs(x))
        self.assertKernels()
        luxtorch.nn.to_torch(ours)
        self.assertNotIsInstance(ours, luxtorch.nn.LSTM)
        self.assertClose(ours(x), theirs(x), limit=0)
        parametrize.remove_parametrizations(luxtorch.nn.from_torch(ours), "weight_hh_l0")
        self.assertIs(type(ours), luxtorch.nn.LSTM)

    def test_script_compiles_torch_s_modules_with_the_same_parameters(self):
        for name in NAMES:
            theirs, ours = pair(name, 5, 7, num_layers=2, batch_first=True)
            model = torch.nn.Sequential(ours)
            scripted = torch.jit.script(model)
            self.assertClose(flat(*scripted(self.x)), flat(*theirs(self.x)))
            with torch.no_grad():
                ours.weight_hh_l1.mul_(0.5), theirs.weight_hh_l1.mul_(0.5)
            self.assertClose(flat(*scripted(self.x)), flat(*theirs(self.x)))
            self.assertIs(type(ours), getattr(luxtorch.nn, name))
            self.assertClose(flat(*luxtorch.nn.from_torch(model)(self.x)), flat(*theirs(self.x)))
            self.assertKernels()

    def test_a_derived_class_that_script_cannot_compile_is_told_so(self):
        class Ours(luxtorch.nn.LSTM):
            pass

        with self.assertRaisesRegex(TypeError, "torch.jit.script cannot compile Ours.*luxtorch.nn"):
            torch.jit.script(torch.nn.Sequential(Ours(5, 7)))

    def test_fx_takes_the_modules_as_leaves(self):
        class WithState(torch.nn.Module):
            def __init__(self, recurrent):
                super().__init__()
                self.recurrent = recurrent

            def forward(self, x, h):
                y, state = self.recurrent(x, h)
                return y.relu(), state

        for name in NAMES:
            theirs, ours = pair(name, 5, 7)
            traced = torch.fx.symbolic_trace(torch.nn.Sequential(ours))
            self.assertIn(("call_module", "0"), [(node.op, node.target) for node in traced.graph.nodes])
            self.assertClose(traced(self.x), theirs(self.x))
            self.assertKernels()
            h = torch.randn(1, 4, 7)
            hx = (h, h + 1) if name == "LSTM" else h
            traced = torch.fx.symbolic_trace(WithState(ours))
            self.assertClose(flat(traced(self.x, hx)), flat(WithState(theirs)(self.x, hx)))
            self.assertKernels()

    def test_fx_does_not_run_hooks_twice(self):
        _, ours = pair("LSTM", 5, 7)
        prune.random_unstructured(ours, "weight_hh_l0", amount=0.5)
        model = torch.nn.Sequential(ours)
        self.assertClose(torch.fx.symbolic_trace(model)(self.x), model(self.x))
        ours.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
        with self.assertRaisesRegex(RuntimeError, "forward hooks of 0 twice. Call luxtorch.nn.to_torch"):
            torch.fx.symbolic_trace(model)

    def test_quantisation_says_that_it_does_not_know_them(self):
        _, ours = pair("LSTM", 5, 7)
        model = torch.nn.Sequential(ours)
        try:
            with self.assertWarnsRegex(UserWarning, "does not know luxtorch.nn.LSTM.*luxtorch.nn.to_torch"):
                torch.ao.quantization.quantize_dynamic(model)
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                warnings.filterwarnings("default", message="(?!.*luxtorch)")
                quantised = torch.ao.quantization.quantize_dynamic(luxtorch.nn.to_torch(model))
        except RuntimeError as error:
            if "engine" not in str(error).lower():
                raise
            self.skipTest(f"this torch has no engine for quantised products: {error}".splitlines()[0])
        self.assertEqual(type(quantised[0]).__module__, torch.ao.nn.quantized.dynamic.LSTM.__module__)
        self.assertFalse(hasattr(ours, "qconfig"))


class Doubled(torch.Tensor):
    """Doubles what recurrent functions give."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        with torch._C.DisableTorchFunctionSubclass():
            out = function(*arguments, **(options or {}))
        if getattr(function, "__name__", "") in ("lstm", "gru", "rnn_tanh"):
            return tuple(t * 2 for t in out)
        return out


class DoubledMode(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), options=None):
        return Doubled.__torch_function__(function, types, arguments, options)


class OverrideTest(Case):
    def setUp(self):
        torch.manual_seed(0)
        self.x = torch.randn(6, 4, 5)

    def test_weights_and_states_of_a_subclass_take_torch_s_forward(self):
        for name in NAMES:
            theirs, ours = pair(name, 5, 7)
            h = torch.randn(1, 4, 7).as_subclass(Doubled)
            hx = (h, h) if name == "LSTM" else h
            self.assertClose(flat(ours(self.x, hx)), flat(theirs(self.x, hx)))
            self.assertKernels(False, "subclass")
            found = []
            for module in (theirs, ours):
                weights = {key: p.detach().as_subclass(Doubled) for key, p in module.named_parameters()}
                found.append(flat(torch.func.functional_call(module, weights, (self.x,))))
            self.assertClose(found[1], found[0])
            self.assertKernels(False, "subclass")
            self.assertClose(found[1][0], 2 * theirs(self.x)[0])

    def test_a_function_mode_takes_torch_s_forward_but_a_default_device_does_not(self):
        for name in NAMES:
            theirs, ours = pair(name, 5, 7)
            with DoubledMode():
                self.assertClose(flat(ours(self.x)), flat(theirs(self.x)))
            self.assertKernels(False, "TorchFunctionMode")
            with torch.device("cpu"):
                ours(self.x)
            self.assertKernels()

    def test_subclasses_that_only_dispatch_take_torch_s_forward(self):
        from torch.testing._internal.two_tensor import TwoTensor

        theirs, ours = pair("GRU", 5, 7)
        h = TwoTensor(torch.randn(1, 4, 7), torch.randn(1, 4, 7))
        for module in (theirs, ours):
            y = module(self.x, h)[0]
            self.assertIsInstance(y, TwoTensor)
        self.assertKernels(False, "subclass")

    def test_per_sample_gradients_are_torch_s(self):
        for name in NAMES:
            found = []
            for module in pair(name, 5, 7, batch_first=True, dtype=torch.float64):
                x = torch.linspace(-1, 1, 4 * 6 * 5, dtype=torch.float64).reshape(4, 6, 5)
                call = call_for_per_sample_grads(module, batch_size=4)
                call(x)[0].square().sum().backward()
                found.append([p.grad_sample for p in module.parameters()])
            self.assertClose(found[1], found[0])

    def test_checks_of_a_derived_class_are_obeyed(self):
        def with_checks(base):
            class Own(base):
                def check_forward_args(self, input, hidden, batch_sizes):
                    seen.append("check_forward_args")
                    super().check_forward_args(input, hidden, batch_sizes)

            class Input(base):
                def check_input(self, input, batch_sizes):
                    raise ValueError("not today")

            class Permuted(base):
                def permute_hidden(self, hx, permutation):
                    seen.append("permute_hidden")
                    return super().permute_hidden(hx, permutation)

            return Own, Input, Permuted

        for name in NAMES:
            seen = []
            own, refusing, permuted = with_checks(getattr(luxtorch.nn, name))
            own(5, 7)(self.x)
            self.assertEqual(seen, ["check_forward_args"])
            with self.assertRaisesRegex(ValueError, "not today"):
                refusing(5, 7)(self.x)
            permuted(5, 7)(torch.nn.utils.rnn.pack_sequence([torch.randn(2, 5), torch.randn(3, 5)], enforce_sorted=False))
            self.assertIn("permute_hidden", seen)
            self.assertKernels(False, "checks of its own")
            one = getattr(luxtorch.nn, name)(5, 7)
            one.check_input = refusing.check_input.__get__(one)
            with self.assertRaisesRegex(ValueError, "not today"):
                one(self.x)

    def test_a_derived_class_without_checks_of_its_own_runs_the_kernels(self):
        class Ours(luxtorch.nn.LSTM):
            def forward(self, x):
                return super().forward(x)[0]

        self.assertEqual(tuple(Ours(5, 7)(self.x).shape), (6, 4, 7))
        self.assertKernels()


if __name__ == "__main__":
    unittest.main()
