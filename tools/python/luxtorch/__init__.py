"""luxtorch's recurrent kernels in Python: luxtorch.nn.LSTM, GRU and RNN in the place of torch.nn's.

    from luxtorch.nn import LSTM

The shared library is searched in the folder that LUXTORCH_LIBRARY names; without it, beside this file,
where pip installs it, and then in the build folder of the repository (build/release/lib, or that of the
preset LUXTORCH_PRESET).
"""

from luxtorch._library import load

load()

import torch  # noqa: E402

from luxtorch import _flops, _inductor, nn  # noqa: E402, F401

_inductor.register_when_imported()
__version__: str = torch.ops.luxtorch.version()
__all__ = ["nn"]
