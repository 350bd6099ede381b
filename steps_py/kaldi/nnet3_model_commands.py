"""nnet3-init and nnet3-average.

Sources: src/nnet3bin/nnet3-{init,average}.cc.
"""

import dataclasses

from steps_py.errors import KaldiError
from steps_py.formats.log import log, warn
from steps_py.formats.options import option
from steps_py.formats.tables import read_object, write_object
from steps_py.kaldi.commands import command
from steps_py.kaldi.nnet3_commands import network_holder


@dataclasses.dataclass
class InitOptions:
    binary: bool = option(True, "Write output in binary mode")
    srand: int = option(0, "Has no effect: random values depend on the line of the config file")


@command(
    "nnet3-init",
    usage="""Initialize nnet3 neural network from a config file; outputs 'raw' nnet
without associated information such as transition model and priors.
Can also be used to add layers to existing model (provide existing model
as 1st arg)

Usage:  nnet3-init [options] [<existing-model-in>] <config-in> <raw-nnet-out>
e.g.:
 nnet3-init nnet.config 0.raw
or: nnet3-init 1.raw nnet.config 2.raw
See also: nnet3-copy, nnet3-info""",
    options=InitOptions,
    min_args=2,
    max_args=3,
)
def nnet3_init(options, *arguments: str) -> int:
    from steps_py.nnet3.config_lines import read_lines  # start-up time
    from steps_py.nnet3.network import Network
    from steps_py.nnet3.network_file import NNET

    *existing, config_in, nnet_out = arguments
    lines = read_lines(config_in)
    if existing:
        network = read_object(existing[0], network_holder())
        network.configure(lines)
    else:
        network = Network.from_lines(lines, {}, config_in)
    write_object(nnet_out, NNET, network, options.binary)
    log(f"Initialized raw neural net and wrote it to {nnet_out}")
    return 0


@dataclasses.dataclass
class AverageOptions:
    binary: bool = option(True, "Write output in binary mode")
    num_threads: int = option(-1, "Has no effect here: models are read one after the other")
    weights: str = option(
        "",
        "Colon-separated list of weights, one for each input model.  These will be normalized to"
        " sum to one.",
    )


@command(
    "nnet3-average",
    usage="""This program averages the parameters over a number of 'raw' nnet3 neural nets.

Usage:  nnet3-average [options] <model1> <model2> ... <modelN> <model-out>

e.g.:
 nnet3-average 1.1.nnet 1.2.nnet 1.3.nnet 2.nnet""",
    options=AverageOptions,
    min_args=2,
    max_args=None,
)
def nnet3_average(options, *arguments: str) -> int:
    from steps_py.nnet3.averaging import NetworkAverage  # start-up time
    from steps_py.nnet3.network_file import NNET

    *nnets_in, nnet_out = arguments
    average = NetworkAverage()
    for name, weight in zip(nnets_in, _weights(options.weights, len(nnets_in)), strict=True):
        average.add(read_object(name, network_holder()), weight)
    write_object(nnet_out, NNET, average.result(), options.binary)
    log(f"Averaged parameters of {len(nnets_in)} neural nets, and wrote to {nnet_out}")
    return 0


def _weights(text, count):
    """The weights of --weights, or equal ones; they sum to 1."""
    try:
        weights = [float(word) for word in text.split(":")] if text else [1.0] * count
    except ValueError:
        weights = []
    if len(weights) != count or not sum(weights) > 0:
        raise KaldiError(
            f"--weights={text}: expected {count} numbers with colons between, with a positive sum."
        )
    total = sum(weights)
    if text and abs(total - 1) > 0.01:
        warn(f"Normalizing weights to sum to one, sum was {total:g}")
    return [weight / total for weight in weights]
