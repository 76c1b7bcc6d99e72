"""D2LS word by word: loops over images, classes and heads, nothing folded.

A second implementation of the equations, on the weights of a ``network.models.D2LS``. It shares the
backbone and nothing else; fusion and head are those of BiCoR's word-by-word twin.
"""

import math

import torch

from tests.models.reference import encode, head, layer_norm


def linear(x, layer):
    return x @ layer.weight.T + layer.bias


def mlp(x, layers):
    for layer in layers:
        x = x.clamp_min(0) if isinstance(layer, torch.nn.ReLU) else linear(x, layer)
    return x


def dynamic_tokens(module, queries, x4):
    """One image: queries [N, C], x4 [C_4, h, w] -> tokens [N, C]."""
    classes, channels = queries.shape
    weight = module.project.weight[:, :, 0, 0]
    projected = weight @ x4.flatten(1) + module.project.bias[:, None]
    first, second = projected[: channels // 2], projected[channels // 2 :]
    maximum = module.of_maximum.weight[:, :, 0, 0] @ first.amax(1) + module.of_maximum.bias
    mean = module.of_mean.weight[:, :, 0, 0] @ second.mean(1) + module.of_mean.bias
    scores = mlp(torch.cat([maximum, mean]), module.weigh)
    tokens = []
    for n in range(classes):
        weights = torch.softmax(scores[n * module.candidates : (n + 1) * module.candidates], 0)
        choices = linear(queries[n], module.expand).split(channels)
        tokens.append(sum(w * choice for w, choice in zip(weights, choices, strict=True)))
    return torch.stack(tokens)


def attend(module, query, key, value, heads=8):
    """One image: [Q, C], [K, C], [K, C] -> [Q, C]."""
    q, k, v = linear(query, module.query), linear(key, module.key), linear(value, module.value)
    size = q.shape[1] // heads
    parts = []
    for h in range(heads):
        own = slice(h * size, (h + 1) * size)
        score = q[:, own] @ k[:, own].T / math.sqrt(size)
        parts.append(torch.softmax(score, dim=1) @ v[:, own])
    return linear(torch.cat(parts, dim=1), module.out)


def places(frequencies, height, width):
    rows = []
    for y in range(height):
        for x in range(width):
            center = torch.tensor([(x + 0.5) / width, (y + 0.5) / height]).to(frequencies)
            angle = 2 * math.pi * ((2 * center - 1) @ frequencies)
            rows.append(torch.cat([torch.sin(angle), torch.cos(angle)]))
    return torch.stack(rows)


def forward(net, x):
    """Logits, auxiliary logits, dynamic tokens; of images whose sides are divisible by 32."""
    maps = net.encoder.backbone(x)
    f0 = encode(net, x)
    _, channels, h, w = f0.shape
    pe = places(net.places.frequencies, h, w)
    logits, aux_logits, dynamic = [], [], []
    for image, x4 in zip(f0, maps[-1], strict=True):
        first = dynamic_tokens(net.dynamic, net.queries, x4)
        tokens, f = first, image.reshape(channels, h * w).T
        for layer in net.layers:
            update = attend(layer.to_image, tokens + first, f + pe, f)
            tokens = layer_norm(tokens + update, layer.token_norm)
            update = attend(layer.to_tokens, f + pe, tokens + first, tokens)
            f = layer_norm(f + update, layer.feature_norm)
        tokens = layer_norm(tokens + attend(net.last, tokens + first, f + pe, f), net.last_norm)
        refined = f.T.reshape(channels, h, w)
        logits.append(head(net, refined, mlp(tokens, net.class_weights)))
        aux_logits.append(head(net, refined, mlp(net.queries, net.class_weights)))
        dynamic.append(first)
    return torch.stack(logits), torch.stack(aux_logits), torch.stack(dynamic)
