"""The networks of tests/golden/attribution, as functions of frames.

Shape suffixes: B batch, T frames, D feature dimension, F frequencies (D of them).
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from steps_py.attribution.explained import Explained

FOLDER = Path(__file__).parents[1] / "golden" / "attribution"


class ImageNetwork(nn.Module):
    """Frames (B, T, F) to logits, by convolutions over images (B, 1, F, T)."""

    def __init__(self, with_norm):
        super().__init__()
        bias = not with_norm
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=bias)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=bias)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(6, 8, 3, padding=1, bias=bias)
        self.relu3 = nn.ReLU()
        if with_norm:
            self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(num) for num in (4, 6, 8))
        else:
            self.bn1 = self.bn2 = self.bn3 = nn.Identity()
        self.fc = nn.Linear(8, 5)

    def forward(self, x_BTF):
        y = self.relu1(self.bn1(self.conv1(x_BTF.mT[:, None])))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.relu3(self.bn3(self.conv3(y)))
        return self.fc(y.mean(dim=(2, 3)))


def golden(name):
    """The network and the arrays of a file."""
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    network = ImageNetwork(name == "bn").double().eval()
    weights = {k[7:]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("weight.")}
    network.load_state_dict(weights, strict=False)
    return network, arrays


def explained_images(name, baseline=0.0):
    """What is explained for each image, and the arrays."""
    network, arrays = golden(name)
    found = []
    for image, target in zip(arrays["x"], arrays["targets"], strict=True):

        def head(logits, target=int(target)):
            return logits[:, target]

        x_TF = torch.from_numpy(image[0].T.copy())
        found.append(Explained.of(network, head, x_TF, baseline))
    return found, arrays
