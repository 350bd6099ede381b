"""docs/networks.md: the registered encoders and the published systems of egs/voxceleb, with sizes.

python -m steps_py.recipe.networks --write      writes the page
python -m steps_py.recipe.networks              exit 1 if it is not up to date

Weights are trainable numbers without the classifier; multiply-adds are those of `count_macs`.
"""

import argparse
import re
import sys
from collections.abc import Iterator

import yaml

from steps_py.checkout import CHECKOUT
from steps_py.feats.feature_conf import feature_dim
from steps_py.model.config import ModelConfig
from steps_py.model.macs import count_macs, shape_of_model
from steps_py.model.registries import ENCODERS
from steps_py.recipe.overlays import lay_over

PAGE = CHECKOUT / "docs/networks.md"
RECIPE = CHECKOUT / "egs/voxceleb"
NUM_FRAMES, NUM_BINS, EMBEDDING_DIM = 200, 80, 256
SCORED = "large_margin as_norm"  # the overlays of the error rates on the page, if published
HEAD = f"""# Table of networks

Written by `python -m steps_py.recipe.networks --write` from the registered classes and the files
of `egs/voxceleb`. Weights are trainable numbers, without the classifier. MACs are the
multiply-adds of convolutions, affines and attention for {NUM_FRAMES} frames (2 s). RepVGG has those
of its form in training.

## Published systems

Each is a file of `egs/voxceleb`. The EER is the published one on the cleaned lists Vox1-O, E and H
with large-margin fine-tuning and AS-norm; that of `conformer` is without both, on
the original list. `egs/voxceleb/RESULTS.md` has its source, the other published figures and what
differs here. None of these systems was trained here.

"""
ENCODERS_HEAD = f"""
## Encoders

Each with the default values of its options, {NUM_BINS} mel bands, pooling `stats` and
{EMBEDDING_DIM} dimensions.

"""


def page() -> str:
    """The text of docs/networks.md."""
    systems = _table("system | encoder | weights | MACs | EER %", _system_rows())
    encoders = _table("`model.encoder` | weights | MACs | source", _encoder_rows())
    return HEAD + systems + ENCODERS_HEAD + encoders


def system_config(*overlays: str) -> dict:
    """The config of egs/voxceleb with these of its overlays, without defaults."""
    config: dict = {}
    for name in ("config", *overlays):
        text = (RECIPE / f"{name}.yaml").read_text(encoding="utf-8")
        config = lay_over(config, yaml.safe_load(text))
    return config


def published_eer(results: str) -> dict[str, list[str]]:
    """Overlays of a row of the table in egs/voxceleb/RESULTS.md -> published EER on O, E, H.

    >>> published_eer("| `ecapa_c512 as_norm` | 0.957 | 1.128 | 2.105 | | | |")
    {'ecapa_c512 as_norm': ['0.957', '1.128', '2.105']}
    """
    rows = re.findall(r"^\| `([\w ]+)` \| ([\d.]+) \| ([\d.]+|-) \| ([\d.]+|-) \|", results, re.M)
    return {overlays: eer for overlays, *eer in rows}


def size_of(model: dict, feat_dim: int) -> tuple[int, int]:
    """(weights, multiply-adds) of the network of a section ``model``."""
    network = shape_of_model(ModelConfig(**model), feat_dim)
    num_weights = sum(p.numel() for p in network.parameters())
    return num_weights, count_macs(network, feat_dim, NUM_FRAMES)


def _system_rows() -> Iterator[list[str]]:
    published = published_eer((RECIPE / "RESULTS.md").read_text(encoding="utf-8"))
    for system in dict.fromkeys(overlays.split()[0] for overlays in published):
        config = system_config(system)
        feats, model = config["feats"], config["model"]
        size = size_of(model, feature_dim(feats["type"], RECIPE / feats["conf"]))
        eer = " / ".join(published.get(f"{system} {SCORED}") or published[system])
        yield [f"`{system}`", f"`{model['encoder']['name']}`", *_rounded(*size), eer]


def _encoder_rows() -> Iterator[list[str]]:
    for name in ENCODERS.names():
        model = {"encoder": {"name": name}, "pooling": {"name": "stats"}}
        size = size_of(model | {"embedding_dim": EMBEDDING_DIM}, NUM_BINS)
        yield [f"`{name}`", *_rounded(*size), reference(ENCODERS.find(name))]


def reference(cls: type) -> str:
    """What the module of a registered class names after ``Reference:``, in one line."""
    doc = sys.modules[cls.__module__].__doc__ or ""
    found = re.search(r"^References?:\s*(.*?)(?:\n\n|\Z)", doc, re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def _rounded(num_weights, num_macs):
    return f"{num_weights / 1e6:.2f} M", f"{num_macs / 1e9:.2f} G"


def _table(head, rows):
    lines = [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page")
    args = parser.parse_args(argv)
    if args.write:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE}: not up to date. Run python -m steps_py.recipe.networks --write.")


if __name__ == "__main__":
    main()
