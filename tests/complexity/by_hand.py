"""Multiply-adds of networks by hand: layers by hooks, and what is no layer by its equations."""

from contextlib import contextmanager
from math import prod

from torch import nn

from network.models import D2LS, BiCoR, SmpNet, UNetFormer


class Layers:
    """Multiply-adds of the convolutions and linear maps that a call runs, forward and backward."""

    def __init__(self):
        self.forward = self.backward = 0

    def see(self, layer, inputs, out):
        if isinstance(layer, nn.Conv2d):
            per_output = layer.in_channels // layer.groups * prod(layer.kernel_size)
        else:
            per_output = layer.in_features
        cost = out.numel() * per_output
        self.forward += cost
        # Either gradient, of the weights and of what came in, costs as much as the layer itself.
        self.backward += cost * (layer.weight.requires_grad + inputs[0].requires_grad)

    @contextmanager
    def watch(self, net):
        layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        hooks = [layer.register_forward_hook(self.see) for layer in layers]
        yield self
        for hook in hooks:
            hook.remove()


def fusion(encoder, size):
    """Forward and both gradients: weights composed, then a 1x1 convolution of every level."""
    width = encoder.fusion.mix.out_channels
    levels = zip(encoder.backbone.channels, encoder.backbone.strides, strict=True)
    parts = [(width * c * (size // s) ** 2, width * width * (c + 1)) for c, s in levels]
    images, weights = (sum(costs) for costs in zip(*parts, strict=True))
    return images, weights


def of_bicor(net, size, images):
    """Forward, backward, beside its layers.

    Heatmap, pooling and the two products of the modulation are N * S * C each; the head multiplies
    4 N * C / 4 numbers at 4 S positions.
    """
    n, c = net.class_embeddings.shape
    one = images * n * c * (size // 4) ** 2
    once, composed = fusion(net.encoder, size)
    forward = images * once + composed
    backward = 2 * forward
    for layer in net.hbis:
        forward += one * (1 + bool(layer.f2ce) + 2 * bool(layer.ce2f))
        # Of the modulation two products forward; backward gamma's part again and four gradients.
        backward += one * (2 + 2 * bool(layer.f2ce) + 5 * bool(layer.ce2f))
    heads = 1 + net.training
    return forward + 4 * one * heads, backward + 8 * one * heads


def of_d2ls(net, size, images):
    """Each attention is two products of N * S * C / 2; tokens are mixed of R candidates each."""
    n, c = net.queries.shape
    positions = (size // 4) ** 2
    once, composed = fusion(net.encoder, size)
    attention = images * (2 * len(net.layers) + 1) * n * positions * c
    mixed = images * n * c * net.dynamic.candidates
    heads = images * 4 * n * c * positions * (1 + net.training)
    forward = images * once + composed + attention + mixed + heads
    return forward + positions * c, 2 * forward


def of_unetformer(net, size, images):
    """In every window of 8 x 8 pixels, each meets 64 others in two products of D channels."""
    dim = net.project[0].out_channels
    sides = [8 * -(-(size // stride) // 8) for stride in net.backbone.strides[1:]]
    forward = images * sum(2 * side**2 * 64 * dim for side in sides)
    return forward, 2 * forward


def of_smp(net, size, images):
    """Nothing but its layers."""
    return 0, 0


NETWORKS = {
    "BiCoR": (BiCoR, of_bicor),
    "D2LS": (D2LS, of_d2ls),
    "UNetFormer": (UNetFormer, of_unetformer),
    "FPN": (SmpNet, of_smp),
}
