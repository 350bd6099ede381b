"""What a system file holds."""

import json

from steps_py.sidewinder.subcommands.base import SUBCOMMANDS, Subcommand, add_json


@SUBCOMMANDS.register("info")
class Info(Subcommand):
    """Say what a system file holds: network, scoring, calibration, origin, licences.

    sidewinder info results/system.swx

    The file is checked as a whole. --json prints all of its description.
    """

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("system", help="results/system.swx of a finished recipe")
        add_json(parser)

    def run(self, args):
        from steps_py.system.system_file import read_system_file  # start-up time

        file = read_system_file(args.system)
        if args.json:
            print(json.dumps(file.description, indent=1, sort_keys=True))
            return
        for name, value in lines_of(file):
            print(f"{name:14s} {value}")


def lines_of(file):
    """(name, text) of what people ask first."""
    info = file.description
    extractor, calibration = info["extractor"], info["calibration"]
    yield "sha256", file.sha256
    if extractor.get("kind") == "ivector":
        yield "background", f"{extractor['num_gauss']} Gaussians"
        yield "i-vectors", f"{extractor['embedding_dim']} dimensions"
        yield "features", extractor["options"]["front_end"]["type"]
    else:
        yield "encoder", extractor["config"]["encoder"]["name"]
        yield "x-vectors", f"{extractor['config']['embedding_dim']} dimensions"
        if front_end := extractor["front_end"]:
            yield "features", f"{front_end['type']}, {extractor['feat_dim']} dimensions"
    chain = ", ".join(link["step"]["name"] for link in info["chain"])
    yield "scored by", f"{info['scored_by']}: {chain}" if info["scored_by"] else "nothing"
    yield "calibration", calibration["said"] if calibration else "none: no probabilities"
    for threshold in info["thresholds"]:
        yield (
            f"prior {threshold['p_target']:g}",
            f"one speaker from a score of {threshold['score']:.4f} on",
        )
    for corpus in info["corpora"]:
        yield "trained on", f"{corpus['name']} ({corpus['type']}), licence: {corpus['licence']}"
    yield "version", f"{extractor['version']}, commit {info['made_by'].get('commit', 'unknown')}"
    if info["own_files"]:
        yield "own classes", ", ".join(sorted(info["own_files"]))
