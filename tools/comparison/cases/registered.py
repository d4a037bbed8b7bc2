"""The cases that layers bring: compared(nn) of the files in tools/golden/modules, a dict with the words, the module, and
the shapes of one sample's x and y. The data are normal, the loss is the mean square.
"""

import importlib.util
from pathlib import Path

from case import Case, case


def data(rng, shape):
    return rng.standard_normal((8, 128, *shape))


def register(path):
    spec = importlib.util.spec_from_file_location(f"modules_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "compared"):
        return

    @case(f"layers/{path.stem}")
    def compared(nn, rng):
        made = module.compared(nn)
        return Case(made["words"], model=made["module"], loss=nn.MSELoss(), x=data(rng, made["x"]),
                    y=data(rng, made["y"]))


for path in sorted((Path(__file__).resolve().parents[2] / "golden/modules").glob("[!_]*.py")):
    register(path)
