"""BiCoR-Seg word by word: loops over images, classes and layers, nothing folded.

A second implementation of the paper's equations, on the weights of a ``network.models.BiCoR``. It
shares the backbone and nothing else.
"""

import math
from itertools import combinations

import torch
import torch.nn.functional as F


def layer_norm(x, norm):
    """LN over the last dimension."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias


def mlp(layers, x):
    first, _, second = layers
    hidden = F.gelu(x @ first.weight.T + first.bias)
    return hidden @ second.weight.T + second.bias


def encode(net, x):
    """F_0 [B, C, h, w]."""
    maps = net.encoder.backbone(x)
    fusion = net.encoder.fusion
    size = maps[0].shape[-2:]
    projected = []
    for level, projection in zip(maps, fusion.projections, strict=True):
        y = F.conv2d(level, projection.weight, projection.bias)
        projected.append(F.interpolate(y, size=size, mode="bilinear", align_corners=False))
    return F.conv2d(torch.cat(projected[::-1], dim=1), fusion.mix.weight)


def hbis(layer, ce, f):
    """One image: CE [N, C], F [S, C] -> CE_l [N, C], F_l [S, C], heatmap logits [N, S]."""
    classes, channels = ce.shape
    normed_f = layer_norm(f, layer.feature_norm)
    normed_ce = layer_norm(ce, layer.embedding_norm)
    heatmap = []
    for n in range(classes):
        query = layer.heatmap.query.weight @ normed_ce[n]
        heatmap.append((normed_f @ query) / math.sqrt(channels))

    new_ce = ce if layer.f2ce is None else f2ce(layer.f2ce, ce, normed_ce, normed_f, heatmap)
    new_f = f if layer.ce2f is None else ce2f(layer.ce2f, new_ce, f, heatmap)
    return new_ce, new_f, torch.stack(heatmap)


def f2ce(f2ce, ce, normed_ce, normed_f, heatmap):
    """One image: CE_l [N, C]."""
    positions = normed_f.shape[0]
    count = min(max(round(f2ce.topk_ratio * positions), f2ce.min_pixels), positions)
    new_ce = []
    for n in range(len(ce)):
        probability = torch.sigmoid(heatmap[n]).detach()
        best = probability.argsort(descending=True)[:count]
        weight = torch.zeros_like(probability)
        weight[best] = probability[best]
        weight = weight / (weight.sum() + 1e-6)
        values = normed_f @ f2ce.value.weight.T
        context = (weight[:, None] * values).sum(0)
        gate = torch.sigmoid(mlp(f2ce.gate, torch.cat([normed_ce[n], context])))
        new_ce.append(gate * mlp(f2ce.candidate, context) + (1 - gate) * ce[n])
    return torch.stack(new_ce)


def ce2f(ce2f, new_ce, f, heatmap):
    """One image: F_l [S, C]."""
    assignment = torch.softmax(torch.stack(heatmap) / ce2f.temperature, dim=0)
    new_f = torch.zeros_like(f)
    for n in range(len(new_ce)):
        gamma = 1 + torch.tanh(ce2f.gamma.weight @ new_ce[n] + ce2f.gamma.bias)
        beta = ce2f.beta.weight @ new_ce[n] + ce2f.beta.bias
        new_f = new_f + assignment[n][:, None] * (gamma * f + beta)
    return (1 - ce2f.mix) * f + ce2f.mix * new_f


def head(net, f, class_weights):
    """One image: F [C, h, w], class weights [N, C/16] -> logits [N, 4h, 4w]."""
    y = F.pixel_shuffle(f, 2)
    y = layer_norm(y.permute(1, 2, 0), net.head.norm).permute(2, 0, 1)
    y = F.gelu(F.pixel_shuffle(F.gelu(y), 2))
    return torch.stack([(weight[:, None, None] * y).sum(0) for weight in class_weights])


def forward(net, x):
    """Logits, auxiliary logits, heatmap logits per layer, class embeddings per layer."""
    height, width = x.shape[-2:]
    bottom, right = (32 - height % 32) % 32, (32 - width % 32) % 32
    padded = F.pad(x, (0, right, 0, bottom), mode="reflect")
    f0 = encode(net, padded)
    _, channels, h, w = f0.shape
    logits, aux_logits = [], []
    heatmaps = [[] for _ in net.hbis]
    embeddings = [[] for _ in net.hbis]
    for image in f0:
        ce, f = net.class_embeddings, image.reshape(channels, h * w).T
        for index, layer in enumerate(net.hbis):
            ce, f, heatmap = hbis(layer, ce, f)
            rows, cols = math.ceil(height / 4), math.ceil(width / 4)
            heatmaps[index].append(heatmap.reshape(-1, h, w)[:, :rows, :cols])
            if layer.f2ce is not None:
                embeddings[index].append(ce)
        f = f.T.reshape(channels, h, w)
        logits.append(head(net, f, ce @ net.class_weights.weight.T)[:, :height, :width])
        static = net.class_embeddings.detach() @ net.aux_class_weights.weight.T
        aux_logits.append(head(net, image, static)[:, :height, :width])
    return (
        torch.stack(logits),
        torch.stack(aux_logits),
        [torch.stack(layer) for layer in heatmaps],
        [torch.stack(layer) for layer in embeddings if layer],
    )


def cross_entropy(logits, mask, ignore_index, smoothing=0.05):
    return F.cross_entropy(logits, mask, ignore_index=ignore_index, label_smoothing=smoothing)


def dice(logits, mask, ignore_index, smooth=0.05):
    probabilities = torch.softmax(logits, dim=1)
    valid = mask != ignore_index
    losses = []
    for n in range(logits.shape[1]):
        p = probabilities[:, n][valid]
        y = (mask == n)[valid].to(p.dtype)
        score = (2 * (p * y).sum() + smooth) / (p.sum() + y.sum() + smooth)
        losses.append((1 - score) if y.sum() > 0 else 0 * score)
    return sum(losses) / len(losses)


def fisher(embeddings):
    batch, classes, _ = embeddings.shape
    means = [embeddings[:, n].mean(0) for n in range(classes)]
    within = [
        ((embeddings[b, n] - means[n]) ** 2).sum() for b in range(batch) for n in range(classes)
    ]
    between = [((means[n] - means[m]) ** 2).sum() for n, m in combinations(range(classes), 2)]
    s_w, s_b = sum(within) / len(within), sum(between) / len(between)
    return s_w / (torch.clamp(s_b, min=1e-4) + 1e-6)


def total_loss(output, mask, ignore_index, heatmap_weights, fisher_weights):
    logits, aux_logits, heatmaps, embeddings = output
    total = cross_entropy(logits, mask, ignore_index) + dice(logits, mask, ignore_index)
    total = total + 0.4 * cross_entropy(aux_logits, mask, ignore_index)
    for weight, heatmap in zip(heatmap_weights, heatmaps, strict=True):
        size = mask.shape[-2:]
        heatmap = F.interpolate(heatmap, size=size, mode="bilinear", align_corners=False)
        term = cross_entropy(heatmap, mask, ignore_index) + dice(heatmap, mask, ignore_index)
        total = total + weight * term
    for weight, layer in zip(fisher_weights, embeddings, strict=True):
        total = total + weight * fisher(layer)
    return total
