"""The restorer on a list of cells: every 3x3 convolution as a gather of nine neighbours and a 1x1.

The list stays compact through the whole stack; one scatter at the end puts the cells back into the picture.
A cell that is not on the list is a row of zeros to its neighbours, as `model.Block` has it.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engines.recipes.motion_blur.model import ConvNorm as SegmenterConvNorm

from .model import GUIDED, PIXELS, BranchedConv, ConvNorm, Deblurrer, Restorer
from .paths import CELL, decode_path, guided_samples


class PointConv(nn.Module):
    """A 3x3 convolution in its exact 1x1 form on 9C inputs."""

    def __init__(self, convolution: BranchedConv) -> None:
        super().__init__()
        kernel = convolution.kernel().detach()
        self.weight = nn.Parameter(kernel.permute(2, 3, 1, 0).reshape(-1, kernel.shape[0]).contiguous())
        self.bias = nn.Parameter(convolution.bias.detach().clone())

    def forward(self, rows: Tensor, neighbours: Tensor) -> Tensor:
        """`rows` (K, C), `neighbours` (K, 9) indices into them, K where there is none."""
        padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
        gathered = padded.index_select(0, neighbours.reshape(-1))
        return gathered.reshape(-1, self.weight.shape[0]) @ self.weight + self.bias


class ListBlock(nn.Module):
    """`model.Block` on rows."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.first, self.second = PointConv(block.first), PointConv(block.second)
        self.score = _linear(block.attend.score)

    def forward(self, rows: Tensor, neighbours: Tensor) -> Tensor:
        """(K, C)."""
        step = self.second(F.relu(self.first(rows, neighbours)), neighbours)
        return rows + step * (0.5 + 0.5 * torch.sigmoid(self.score(step)))


class ListRestorer(nn.Module):
    """One picture, its kept cells -> the picture with those cells restored."""

    def __init__(self, restorer: Restorer) -> None:
        super().__init__()
        self.enter, self.leave, self.direct = (
            _linear(getattr(restorer, name)) for name in ("enter", "leave", "direct")
        )
        self.blocks = nn.ModuleList(ListBlock(block) for block in restorer.blocks)
        y, x = torch.meshgrid(torch.arange(CELL), torch.arange(CELL), indexing="ij")
        self.register_buffer("offsets", torch.stack([x, y], -1).reshape(1, 1, PIXELS, 2).float())

    def forward(self, image: Tensor, code: Tensor, cells: Tensor, neighbours: Tensor) -> Tensor:
        """`image` (1, 3, H, W), `code` (K, 5), `cells` (K, 2) int64 row and column, `neighbours` (K, 9)."""
        folded = F.pixel_unshuffle(image, CELL)
        width = folded.shape[-1]
        rows = folded[0].reshape(3 * PIXELS, -1).transpose(0, 1)
        index = cells[:, 0] * width + cells[:, 1]
        guided = torch.cat([rows.index_select(0, index), self._guided(image, code, cells)], 1)
        x = F.relu(self.enter(torch.cat([guided, code], 1)))
        for block in self.blocks:
            x = block(x, neighbours)
        out = self.leave(x)
        gate = torch.sigmoid(out[:, 3 * PIXELS :] + 2.0).repeat(1, 3)
        change = gate * (out[:, : 3 * PIXELS] + self.direct(guided))
        changed = rows.index_put((index,), rows.index_select(0, index) + change)
        return F.pixel_shuffle(changed.transpose(0, 1).reshape(folded.shape), CELL)

    def _guided(self, image: Tensor, code: Tensor, cells: Tensor) -> Tensor:
        """Samples along the paths of the listed cells, in the order of `Restorer.features`."""
        corner = cells[:, [1, 0]].float()[None, :, None] * CELL
        chord = decode_path(code[..., None, None])[:, :2, 0, 0][None, :, None].expand(1, -1, PIXELS, 2)
        sampled = guided_samples(image, corner + self.offsets, chord)[0]
        return sampled.transpose(0, 1).reshape(-1, GUIDED - 3 * PIXELS)


class AnalyserGraph(nn.Module):
    """Picture -> mask probability (N, 1, h, w) and path code (N, 5, h, w); BatchNorm folded."""

    def __init__(self, network: Deblurrer) -> None:
        super().__init__()
        self.analyser = copy.deepcopy(network.analyser).eval()
        for child in self.analyser.modules():
            if isinstance(child, (ConvNorm, SegmenterConvNorm)):
                child[0], child[1] = fuse_conv_bn_eval(child[0], child[1]), nn.Identity()
        for child in self.analyser.modules():  # rounded here, as the file holds them, and not while writing
            if isinstance(child, nn.Conv2d):
                child.weight.data = child.weight.data.half().float()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and code."""
        analysis = self.analyser(image)
        return torch.sigmoid(analysis.mask), analysis.code


class DenseGraph(nn.Module):
    """The restorer on all cells, with branches merged: what the list must equal."""

    def __init__(self, restorer: Restorer) -> None:
        super().__init__()
        self.restorer = copy.deepcopy(restorer).eval()
        for block in self.restorer.blocks:
            for name in ("first", "second"):
                setattr(block, name, merged(getattr(block, name)))

    def forward(self, image: Tensor, code: Tensor, kept: Tensor) -> Tensor:
        """(N, 3, H, W)."""
        return self.restorer(image, code, kept).picture


def merged(convolution: BranchedConv) -> nn.Conv2d:
    """The branches as one plain 3x3 convolution."""
    kernel = convolution.kernel().detach()
    plain = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
    plain.weight.data, plain.bias.data = kernel, convolution.bias.detach().clone()
    return plain


def _linear(convolution: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution on rows."""
    n_out, n_in = convolution.weight.shape[:2]
    linear = nn.Linear(n_in, n_out, bias=convolution.bias is not None)
    linear.weight.data = convolution.weight.detach()[:, :, 0, 0].clone()
    if convolution.bias is not None:
        linear.bias.data = convolution.bias.detach().clone()
    return linear
