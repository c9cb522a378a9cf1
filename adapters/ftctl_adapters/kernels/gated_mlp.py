"""The gated MLP of Llama-like models with low-rank updates on its three layers, as one node of the autograd graph.

Y = D(silu(G(X)) ∘ U(X)). Saved are X, G(X) and U(X); the product is made again in the backward pass, so that two
tensors of (tokens × intermediate) are kept instead of four. Shazeer, GLU Variants Improve Transformer, 2020.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.projection import Projection, cast

silu = torch.nn.functional.silu
PER_LAYER = 5
"""Arguments a layer: W, b, A, B, s."""


class LowRankGatedMlp(Function):
    """Inputs: X (tokens, hidden), then W, b, A, B, s of the gate, up and down layers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *parts: Any) -> Tensor:
        gate, up, down = (cast(x.dtype, *parts[i : i + PER_LAYER]) for i in range(0, 3 * PER_LAYER, PER_LAYER))
        gated, narrow_gate = gate.forward(x)
        lifted, narrow_up = up.forward(x)
        y, narrow_down = down.forward(silu(gated).mul_(lifted))
        ctx.layers = gate, up, down
        ctx.save_for_backward(x, gated, lifted, narrow_gate, narrow_up, narrow_down)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, gated, lifted, narrow_gate, narrow_up, narrow_down = ctx.saved_tensors
        gate, up, down = ctx.layers
        grad = grads[0]
        activated = silu(gated)
        narrow_grad = grad @ down.up
        down_pair = down.adapter_gradients(activated * lifted, narrow_down, grad, narrow_grad)
        inner = down.input_gradient(grad, narrow_grad)
        lifted_grad = activated.mul_(inner)
        gated_grad = torch.ops.aten.silu_backward(inner.mul_(lifted), gated)
        back, gate_pair = _through(gate, x, narrow_gate, gated_grad, None)
        back, up_pair = _through(up, x, narrow_up, lifted_grad, back)
        pairs = [(None, None, *pair, None) for pair in (gate_pair, up_pair, down_pair)]
        return back, *pairs[0], *pairs[1], *pairs[2]


def _through(layer: Projection, x: Tensor, narrow: Tensor, grad: Tensor, into: Tensor | None) -> Any:
    narrow_grad = grad @ layer.up
    pair = layer.adapter_gradients(x, narrow, grad, narrow_grad)
    return layer.input_gradient(grad, narrow_grad, into), pair
