"""X-vector networks from Kaldi to this package and back.

    python3 -m steps_py.nnet3.convert to-checkpoint final.raw exp/model/final.pt
    python3 -m steps_py.nnet3.convert to-nnet3 exp/model/final.pt extract.raw

The network must be the usual one: layers of affine, ReLU and batch norm over evenly spaced
frames, mean and standard deviation over all frames, an affine component whose output is the
x-vector (egs/voxceleb/v2/local/nnet3/xvector/tuning/run_xvector_1a.sh). Components after the
x-vector, which are used in training only, are dropped.

Shape suffixes (scope: this module):
    I = inputs   O = outputs   D = dimension
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps_py.errors import ConfigError
from steps_py.nnet3.components import COMPONENTS
from steps_py.nnet3.config_lines import parse_lines
from steps_py.nnet3.network import ComponentNode, InputNode, Network
from steps_py.program import run

NORM_EPS = 1e-3  # of the batch norms of steps_py/model/encoders/tdnn.py


@dataclass(frozen=True)
class Layer:
    """Affine over frames at `offsets`, ReLU, batch norm."""

    offsets: tuple
    weight_OI: np.ndarray
    bias_O: np.ndarray
    mean_O: np.ndarray
    var_O: np.ndarray  # to which NORM_EPS is added


@dataclass(frozen=True)
class XvectorParts:
    """An x-vector network, of whichever kind."""

    layers: tuple
    variance_floor: float
    weight_OI: np.ndarray  # of the embedding
    bias_O: np.ndarray


def parts_of_network(network: Network):
    """The XvectorParts of a Kaldi network.

    Raises
    ------
    ConfigError
        If it is not built as x-vector networks usually are; the message names the node.
    """
    pooling = [n for n in network.nodes if _type(network, n) == "StatisticsPoolingComponent"]
    if len(pooling) != 1:
        raise ConfigError(f"{network.where}: {len(pooling)} pooling nodes, expected one.")
    readers = [n for n, node in network.nodes.items() if pooling[0] in node.names()]
    embedding = _affine(network, readers[0] if readers else pooling[0])
    statistics = _component(network, pooling[0], "StatisticsPoolingComponent")
    if (
        not statistics.output_stddevs
        or statistics.num_log_count_features
        or statistics.left_context
    ):
        _unusual(network, pooling[0], "does not give mean and standard deviation from frame 0 on")
    extraction = _source(network, pooling[0])
    _component(network, extraction, "StatisticsExtractionComponent")
    layers, name = [], _source(network, extraction)
    while not isinstance(network.nodes[name], InputNode):
        layer, name = _layer(network, name)
        layers.append(layer)
    return XvectorParts(tuple(layers[::-1]), statistics.variance_floor, *embedding)


def network_of_parts(parts, max_frames: int = 10000):
    """A Kaldi network that gives x-vectors; it pools over `max_frames` frames at most."""
    components, lines, last = {}, [], "input"
    dim = parts.layers[0].weight_OI.shape[1] // len(parts.layers[0].offsets)
    lines.append(f"input-node name=input dim={dim}")

    def add(name, source, component):
        components[name] = component
        lines.append(f"component-node name={name} component={name} input={source}")
        return name

    for number, layer in enumerate(parts.layers, 1):
        reads = [f"Offset({last}, {offset})" for offset in layer.offsets]
        source = f"Append({', '.join(reads)})"
        last = add(f"tdnn{number}.affine", source, _make_affine(layer.weight_OI, layer.bias_O))
        dim = len(layer.bias_O)
        last = add(f"tdnn{number}.relu", last, _make("RectifiedLinearComponent", dim=dim))
        last = add(f"tdnn{number}.batchnorm", last, _make_norm(layer))
    extraction = _make(
        "StatisticsExtractionComponent",
        **{"dim": dim, "input_period": 1, "output_period": 1, "include_variance": True},
    )
    pooling = _make(
        "StatisticsPoolingComponent",
        **{"dim": 2 * dim + 1, "input_period": 1, "left_context": 0, "right_context": max_frames},
        **{"num_log_count_features": 0, "output_stddevs": True},
        variance_floor=parts.variance_floor,
    )
    last = add(f"stats-extraction-0-{max_frames}", last, extraction)
    last = add(f"stats-pooling-0-{max_frames}", last, pooling)
    name = f"tdnn{len(parts.layers) + 1}.affine"
    last = add(name, f"Round({last}, 1)", _make_affine(parts.weight_OI, parts.bias_O))
    lines.append(f"output-node name=output input={last}")
    return Network.from_lines(parse_lines("\n".join(lines), "network"), components)


def extractor_of_parts(parts, cmvn):
    """An Extractor (steps_py/model/extractor.py) for features that `cmvn` normalises.

    Raises
    ------
    ConfigError
        If the sizes or offsets of the layers are such as our network cannot have.
    """
    import torch  # start-up time

    from steps_py.model.build import build_model
    from steps_py.model.config import ModelConfig
    from steps_py.model.extractor import Extractor

    spacing = [_spacing(layer.offsets) for layer in parts.layers]
    dims = [len(layer.bias_O) for layer in parts.layers]
    if len(set(dims[:-1])) > 1:
        raise ConfigError(
            f"the layers have {dims[:-1]} outputs, but all except the last must agree."
        )
    config = ModelConfig(
        encoder={
            "name": "tdnn",
            "hidden_dim": dims[0],
            "out_dim": dims[-1],
            "kernel_sizes": [len(layer.offsets) for layer in parts.layers],
            "dilations": spacing,
        },
        pooling={"name": "stats", "variance_floor": parts.variance_floor},
        embedding_dim=len(parts.bias_O),
    )
    feat_dim = parts.layers[0].weight_OI.shape[1] // len(parts.layers[0].offsets)
    model = build_model(config, feat_dim)
    counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
    tensors = {name: torch.from_numpy(np.array(x, np.float32)) for name, x in _state(parts).items()}
    model.load_state_dict(tensors | counters, strict=True)
    return Extractor(model=model.eval(), config=config, feat_dim=feat_dim, cmvn=cmvn)


def _state(parts):
    """The arrays of a network, by the names of the XvectorModel."""
    state = {"embedding.weight": parts.weight_OI, "embedding.bias": parts.bias_O}
    for number, layer in enumerate(parts.layers):
        at = f"encoder.layers.{number}"
        state |= {f"{at}.affine.weight": layer.weight_OI, f"{at}.affine.bias": layer.bias_O}
        state |= {f"{at}.norm.running_mean": layer.mean_O, f"{at}.norm.running_var": layer.var_O}
    return state


def parts_of_extractor(extractor):
    """The XvectorParts of an Extractor; ConfigError if it has other parts."""
    config = extractor.config
    if config.front_ends:
        raise ConfigError(
            "model.front_ends: front-ends cannot be written as a Kaldi network. Train without them."
        )
    names = config.encoder["name"], config.pooling["name"]
    if names != ("tdnn", "stats"):
        raise ConfigError(
            f"encoder '{names[0]}' and pooling '{names[1]}': only 'tdnn' and 'stats' can be"
            " written as a Kaldi network."
        )
    if config.pooling_norm or config.embedding_norm:
        raise ConfigError(
            "model: pooling_norm and embedding_norm cannot be written as a Kaldi network."
            " Train without them."
        )
    state = {name: x.numpy() for name, x in extractor.model.state_dict().items()}
    layers = []
    for number, layer in enumerate(extractor.model.encoder.layers):
        at = f"encoder.layers.{number}"
        middle = layer.span // 2
        layers.append(
            Layer(
                tuple(offset - middle for offset in layer.offsets),
                state[f"{at}.affine.weight"],
                state[f"{at}.affine.bias"],
                state[f"{at}.norm.running_mean"],
                state[f"{at}.norm.running_var"],
            )
        )
    floor = extractor.model.pooling.variance_floor
    return XvectorParts(tuple(layers), floor, state["embedding.weight"], state["embedding.bias"])


def _layer(network, name):
    """The Layer that ends at the batch norm called `name`, and the node that it reads."""
    norm = _component(network, name, "BatchNormComponent")
    relu = _source(network, name)
    _component(network, relu, "RectifiedLinearComponent")
    affine = _source(network, relu)
    weight_OI, bias_O = _affine(network, affine)
    parts = network.nodes[affine].input.parts()
    reads = [_offset(network, affine, part) for part in parts]
    if len({source for source, _ in reads}) > 1:
        _unusual(network, affine, "reads more than one node")
    scale_O, shift_O = norm.diagonal()
    mean_O, var_O = -shift_O / scale_O, 1 / np.square(scale_O) - NORM_EPS
    offsets = tuple(offset for _, offset in reads)
    return Layer(offsets, weight_OI, bias_O, mean_O, var_O), reads[0][0]


def _offset(network, name, term):
    """(node, offset) of one part of the input of an affine node."""
    if term.kind == "node":
        return term.values[0], 0
    if term.kind == "Offset" and term.terms[0].kind == "node" and term.values[1] == 0:
        return term.terms[0].values[0], term.values[0]
    return _unusual(network, name, f"reads '{term}', not frames at fixed offsets")


def _spacing(offsets):
    """The frames between offsets that are evenly spaced; 1 for a single one."""
    steps = {b - a for a, b in itertools.pairwise(offsets)}
    if len(steps) > 1 or min(steps, default=1) < 1:
        raise ConfigError(f"a layer reads frames at {list(offsets)}, which are not evenly spaced.")
    return steps.pop() if steps else 1


def _unusual(network, name, what):
    raise ConfigError(f"{network.where}: node '{name}' {what}; such a network cannot be converted.")


def _type(network, name):
    node = network.nodes[name]
    return network.component(node).type if isinstance(node, ComponentNode) else ""


def _component(network, name, kind):
    if _type(network, name) != kind:
        _unusual(network, name, f"is '{_type(network, name) or 'no component'}', expected {kind}")
    return network.component(network.nodes[name])


def _affine(network, name):
    """(matrix (O, I), bias (O,)) of an affine node."""
    if not hasattr(network.component(network.nodes[name]), "affine"):
        _unusual(network, name, f"is '{_type(network, name)}', expected an affine component")
    return network.component(network.nodes[name]).affine()


def _source(network, name):
    """The one node that `name` reads, frame by frame."""
    term = network.nodes[name].input
    while term.kind == "Round" and term.values[0] == 1:
        term = term.terms[0]
    if term.kind != "node":
        _unusual(network, name, f"reads '{term}', not one node")
    return term.values[0]


def _make(kind, **values):
    cls = COMPONENTS[kind]
    defaults = {field.name: field.default for field in cls.fields if not field.legacy}
    return cls(**defaults | values)


def _make_affine(weight_OI, bias_O):
    num_outputs, num_inputs = weight_OI.shape
    return _make(
        "NaturalGradientAffineComponent",
        linear_params=weight_OI.astype(np.float32),
        bias_params=bias_O.astype(np.float32),
        rank_in=min(20, (num_inputs + 1) // 2),
        rank_out=min(80, (num_outputs + 1) // 2),
        **{"update_period": 4, "num_samples_history": 2000.0, "alpha": 4.0},
    )


def _make_norm(layer):
    dim = len(layer.mean_O)
    return _make(
        "BatchNormComponent",
        **{"dim": dim, "block_dim": dim, "epsilon": NORM_EPS, "target_rms": 1.0},
        **{"test_mode": False, "count": 1000.0},
        stats_mean=layer.mean_O.astype(np.float32),
        stats_var=layer.var_O.astype(np.float32),
    )


def main(argv: list[str] | None = None) -> None:
    from steps_py.feats.config import CmvnConfig  # start-up time
    from steps_py.formats.tables import read_object, write_object
    from steps_py.model.extractor import load_extractor, save_extractor
    from steps_py.nnet3.network_file import NNET

    args = parser().parse_args(argv)
    if args.to == "to-nnet3":
        parts = parts_of_extractor(load_extractor(args.source))
        write_object(str(args.target), NNET, network_of_parts(parts, args.max_frames), args.binary)
        return
    cmvn = CmvnConfig(window_frames=args.cmn_window, norm_vars=args.norm_vars)
    parts = parts_of_network(read_object(str(args.source), NNET))
    save_extractor(args.target, extractor_of_parts(parts, cmvn))


def parser():
    parser = argparse.ArgumentParser(prog="python3 -m steps_py.nnet3.convert", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    ways = parser.add_subparsers(dest="to", required=True)
    way = ways.add_parser("to-checkpoint", help="a raw nnet3 model becomes final.pt")
    way.add_argument("source", help="raw nnet3 model, or 'command |'")
    way.add_argument("target", type=Path, help="final.pt")
    way.add_argument("--cmn-window", type=int, default=300, help="of the features, in frames")
    way.add_argument("--norm-vars", action="store_true", help="the features' variances were 1")
    way = ways.add_parser("to-nnet3", help="final.pt becomes a raw nnet3 model")
    way.add_argument("source", type=Path, help="final.pt")
    way.add_argument("target", help="raw nnet3 model, - for standard output, or '| command'")
    way.add_argument("--max-frames", type=int, default=10000, help="over which it pools")
    way.add_argument("--text", dest="binary", action="store_false", help="write it as text")
    return parser


if __name__ == "__main__":
    run(main)
