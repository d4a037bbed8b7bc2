"""ops::scaled_dot_product_attention: torch.nn.functional's, with gradients by q, k, v and the bias."""

import torch
from generate import values
from torch.nn.functional import scaled_dot_product_attention


def given(*shape, seed):
    return values(*shape, seed=seed).float().double()


def case(*, heads=3, kv_heads=3, queries=5, keys=7, d=4, e=4, mask=None, bias=None, batch=(2,), is_causal=False, **options):
    q, k, v = given(*batch, heads, queries, d, seed=1), given(*batch, kv_heads, keys, d, seed=2), given(*batch, kv_heads, keys, e, seed=3)
    inputs = {"q": q, "k": k, "v": v}
    if bias is not None:
        inputs["bias"] = given(*bias, seed=4)
    for t in inputs.values():
        t.requires_grad_()
    # torch refuses a mask beside is_causal, and adds a mask of numbers.
    added = inputs.get("bias", torch.zeros(1, dtype=torch.float64))
    allowed = torch.ones(queries, keys, dtype=torch.bool)
    if is_causal:
        allowed = allowed.tril()
    if mask is not None:
        allowed = allowed & mask
    added = added.masked_fill(~allowed, -torch.inf)
    y = scaled_dot_product_attention(q, k, v, attn_mask=added, enable_gqa=heads != kv_heads, **options)
    w_y = given(*y.shape, seed=5)
    grads = torch.autograd.grad((w_y * y).sum(), list(inputs.values()))
    result = {**inputs, "y": y, "w_y": w_y, "grads": dict(zip(inputs, grads)), "is_causal": is_causal}
    if mask is not None:
        result["mask"] = mask
    return result | options


def generate():
    padding = torch.arange(7) < torch.tensor([7, 4]).reshape(2, 1, 1, 1)
    holes = torch.arange(35).reshape(5, 7) % 3 != 0
    some_without_key = holes.clone()
    some_without_key[2] = False
    return {
        "plain": case(),
        "scaled": case(scale=0.3),
        "causal": case(queries=7, is_causal=True),
        "causal_of_fewer_queries": case(is_causal=True),
        "causal_of_more_queries": case(queries=9, is_causal=True),
        "padded": case(mask=padding),
        "padded_and_causal": case(mask=padding, is_causal=True),
        "without_key": case(mask=some_without_key),
        "bias": case(bias=(3, 5, 7)),
        "bias_and_mask": case(bias=(2, 1, 5, 7), mask=holes, is_causal=True),
        "grouped": case(heads=6, kv_heads=2),
        "grouped_causal": case(heads=4, kv_heads=1, is_causal=True),
        "other_values": case(e=6),
        "one_sample": case(batch=(), mask=holes),
        "one_query": case(queries=1),
    }
