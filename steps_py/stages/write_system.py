"""Write a finished recipe as one file, to verify and identify recordings with.

python -m steps_py.stages.write_system --model exp/model/final.pt --manifest results/manifest.json \
    --config '{}' --xvectors '{}' --scoring '{"scored_by": null, ...}' --out results/system.swx
"""

import argparse
import json

from steps_py.data.corpora import CORPORA
from steps_py.embeddings.config import XvectorsConfig
from steps_py.program import run
from steps_py.settings.build import load_slice
from steps_py.system.config import SystemConfig
from steps_py.system.make import Material, make_system


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="final.pt, or final.ie of i-vectors")
    parser.add_argument("--ivector", help="background model and options of i-vectors, as JSON")
    parser.add_argument("--manifest", required=True, help="manifest.json of the results")
    parser.add_argument("--config", required=True, help="section system, as JSON")
    parser.add_argument("--xvectors", required=True, help="section xvectors, as JSON")
    parser.add_argument("--scoring", required=True, help="chain and trial lists, as JSON")
    parser.add_argument("--corpora", required=True, help="name -> type, as JSON")
    parser.add_argument("--own-files", nargs="*", default=[], help="with the recipe's own classes")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)

    corpora = [
        {"name": name, "type": kind, "licence": licence_of(kind)}
        for name, kind in sorted(json.loads(args.corpora).items())
    ]
    material = Material(
        model=args.model,
        manifest=args.manifest,
        corpora=corpora,
        own_files=args.own_files,
        kind="ivector" if args.ivector else "network",
        of_kind=json.loads(args.ivector or "{}"),
        **json.loads(args.scoring),
    )
    config = load_slice(args.config, SystemConfig, "system")
    xvectors = load_slice(args.xvectors, XvectorsConfig, "xvectors")
    make_system(args.out, material, config, xvectors)


def licence_of(kind: str) -> str:
    """The licence of a type of corpus, or ``unknown``; ``synthetic`` stands for a recipe's own."""
    if kind == "synthetic":
        return "none: synthetic speech that the recipe makes"
    return CORPORA.find(kind).licence or "unknown"


if __name__ == "__main__":
    run(main)
