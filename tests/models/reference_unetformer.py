"""UNetFormer word by word: loops over images, windows, heads and pixels, nothing folded.

A second implementation of the equations, on the weights of a ``network.models.UNetFormer``. It
shares the backbone and nothing else.
"""

import torch
import torch.nn.functional as F

WINDOW = 8


def reflect(index, length):
    while not 0 <= index < length:
        index = -index if index < 0 else 2 * (length - 1) - index
    return index


def padded(x, top, bottom, left, right):
    """Mirrored over the edges, without repeating them."""
    height, width = x.shape[-2:]
    rows = [reflect(i, height) for i in range(-top, height + bottom)]
    cols = [reflect(j, width) for j in range(-left, width + right)]
    return torch.stack([torch.stack([x[..., i, j] for j in cols], -1) for i in rows], -2)


def batch_norm(x, norm):
    if norm.training:
        mean = x.mean((0, 2, 3), keepdim=True)
        variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    else:
        mean, variance = (v.view(1, -1, 1, 1) for v in (norm.running_mean, norm.running_var))
    normed = (x - mean) / torch.sqrt(variance + norm.eps)
    return normed * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)


def conv_bn(x, layers, groups=1):
    convolution, norm = layers
    kernel = convolution.weight.shape[-1]
    y = F.conv2d(x, convolution.weight, padding=kernel // 2, groups=groups)
    return batch_norm(y, norm)


def up(x, size):
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def window_attention(x, module):
    """Pixel i of a window attends to its pixels j with the bias of their distance."""
    height, width = x.shape[-2:]
    y = padded(x, 0, -height % WINDOW, 0, -width % WINDOW)
    weights = module.qkv.weight[:, :, 0, 0]
    channels = weights.shape[1]
    size = channels // module.heads
    out = torch.zeros_like(y)
    for image in range(len(y)):
        for top in range(0, y.shape[2], WINDOW):
            for left in range(0, y.shape[3], WINDOW):
                window = y[image, :, top : top + WINDOW, left : left + WINDOW]
                pixels = window.flatten(1).T
                q, k, v = (pixels @ part.T for part in weights.chunk(3))
                for head in range(module.heads):
                    own = slice(head * size, (head + 1) * size)
                    score = q[:, own] @ k[:, own].T / size**0.5
                    bias = torch.zeros_like(score)
                    for i in range(WINDOW**2):
                        for j in range(WINDOW**2):
                            down = i // WINDOW - j // WINDOW + WINDOW - 1
                            across = i % WINDOW - j % WINDOW + WINDOW - 1
                            bias[i, j] = module.bias[down * (2 * WINDOW - 1) + across, head]
                    attended = torch.softmax(score + bias, dim=1) @ v[:, own]
                    out[image, own, top : top + WINDOW, left : left + WINDOW] = attended.T.reshape(
                        size, WINDOW, WINDOW
                    )
    return out[..., :height, :width]


def attention(x, module):
    local = conv_bn(x, module.local3) + conv_bn(x, module.local1)
    attended = window_attention(x, module.attention)
    height, width = x.shape[-2:]
    tall, wide = padded(attended, 3, 4, 0, 0), padded(attended, 0, 0, 3, 4)
    down = sum(tall[:, :, i : i + height] for i in range(WINDOW)) / WINDOW
    across = sum(wide[..., j : j + width] for j in range(WINDOW)) / WINDOW
    both = padded(local + down + across, 3, 4, 3, 4)
    y = F.conv2d(both, module.depthwise.weight, groups=both.shape[1])
    return F.conv2d(batch_norm(y, module.norm), module.pointwise.weight)


def block(x, module):
    x = x + attention(batch_norm(x, module.norm1), module.attention)
    first, _, second = module.mlp
    hidden = F.conv2d(batch_norm(x, module.norm2), first.weight, first.bias).clamp(0, 6)
    return x + F.conv2d(hidden, second.weight, second.bias)


def fuse(x, level, module):
    weights = module.weights.clamp_min(0)
    shares = weights / (weights.sum() + 1e-8)
    own = F.conv2d(level, module.project.weight)
    y = shares[0] * own + shares[1] * up(x, level.shape[-2:])
    return conv_bn(y, module.mix[0]).clamp(0, 6)


def refine(x, module):
    spatial = F.conv2d(x, module.spatial.weight, module.spatial.bias, padding=1, groups=x.shape[1])
    _, first, _, second = module.channel
    mean = x.mean((2, 3), keepdim=True)
    channel = F.conv2d(F.conv2d(mean, first.weight).clamp(0, 6), second.weight)
    gated = x * torch.sigmoid(spatial) + x * torch.sigmoid(channel)
    depthwise, norm, pointwise = module.project
    y = F.conv2d(gated, depthwise.weight, padding=1, groups=x.shape[1])
    y = F.conv2d(batch_norm(y, norm), pointwise.weight)
    return (conv_bn(x, module.shortcut) + y).clamp(0, 6)


def classify(x, head, size):
    first, _, _, last = head
    return up(F.conv2d(conv_bn(x, first).clamp(0, 6), last.weight), size)


def forward(net, x):
    """Logits and auxiliary logits, with a dropout of 0."""
    height, width = x.shape[-2:]
    image = padded(x, 0, -height % 32, 0, -width % 32)
    size = image.shape[-2:]
    x1, x2, x3, x4 = net.backbone(image)
    b4 = block(conv_bn(x4, net.project), net.block)
    b3 = block(fuse(b4, x3, net.fusions[0]), net.blocks[0])
    b2 = block(fuse(b3, x2, net.fusions[1]), net.blocks[1])
    last = refine(fuse(b2, x1, net.fusions[2]), net.refinement)
    logits = classify(last, net.head, size)
    both = up(b4, b2.shape[-2:]) + up(b3, b2.shape[-2:]) + b2
    aux_logits = classify(both, net.aux_head, size)
    return logits[..., :height, :width], aux_logits[..., :height, :width]
