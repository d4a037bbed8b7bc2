"""luxtorch's recurrent kernels in Python: luxtorch.nn.LSTM, GRU and RNN in the place of torch.nn's.

    from luxtorch.nn import LSTM

The libraries are found beside this file where pip installed them, else in the build folder of the
repository (build/release/lib, with LUXTORCH_PRESET another preset's), or in the folder that
LUXTORCH_LIBRARY names.
"""

from luxtorch._library import load

load()

import torch  # noqa: E402

from luxtorch import _flops, _inductor, nn  # noqa: E402, F401

_inductor.register_when_imported()
__version__: str = torch.ops.luxtorch.version()
__all__ = ["nn"]
