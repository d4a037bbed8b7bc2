"""How much torch.utils.flop_counter counts for the operators: the products that torch.nn's modules run."""

import math

import torch
from torch.utils.flop_counter import register_flop_formula

_operators = torch.ops.luxtorch


def _rows(input):
    return math.prod(input.shape[:-1])


@register_flop_formula([_operators.recurrent, _operators.recurrent_forward], get_raw=True)
def forward(input, hx, weights, *_, **__):
    return sum(2 * _rows(input) * weight.numel() for weight in weights if weight.dim() == 2)


@register_flop_formula(_operators.recurrent_backward, get_raw=True)
def backward(by_y, by_h, by_c, kept, input, hx, weights, masks, batch_sizes, mode, biases, layers, bidirectional,
             batch_first, needed, **_):
    rows, directions, tensors = _rows(input), 2 if bidirectional else 1, 4 if biases else 2
    batch = input.shape[0 if batch_first else 1] if batch_sizes is None else int(batch_sizes[0])
    states, weights_needed = any(needed[1:1 + len(hx)]), needed[1 + len(hx):]
    flops = 0
    for sequence in range(layers * directions):
        first = sequence * tensors
        weight_ih, weight_hh = weights[first:first + 2]
        below = weights_needed[:sequence // directions * directions * tensors]
        by_x = needed[0] or (sequence >= directions and (states or any(below)))
        by_ih, by_hh = weights_needed[first:first + 2]
        if by_x or states or any(weights_needed[first:first + tensors]):
            from_state = rows if states else rows - batch  # of which steps a gradient goes to the one before
            flops += 2 * weight_ih.numel() * rows * (bool(by_x) + by_ih)
            flops += 2 * weight_hh.numel() * (from_state + rows * by_hh)
    return flops
