"""Extract the x-vectors of the utterances of a feats.scp, in its order.

python -m steps_py.stages.extract_xvectors --config JSON --model exp/model/final.pt \\
    --feats exp/xvectors/train/1.feats.scp --vad data/train/vad.scp \\
    --out-ark xvector.1.ark --out-scp xvector.1.scp
"""

import argparse
import sys
from pathlib import Path

from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="{}", help="section xvectors as JSON")
    parser.add_argument("--extractor", default="network", help="what made the model")
    parser.add_argument("--model", required=True, help="final.pt of train_model")
    parser.add_argument("--exported", help="file of export_network, for an engine that reads one")
    parser.add_argument("--feats", required=True, help="script file of features")
    parser.add_argument("--vad", required=True, help="script file of voice decisions")
    parser.add_argument("--out-ark", type=Path, required=True)
    parser.add_argument("--out-scp", type=Path, required=True)
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    # torch takes seconds to import, which --help and wrong options need not wait for
    from steps_py.embeddings.extractors import EXTRACTORS

    config = load_slice(args.config, EXTRACTORS.find(args.extractor).Config, "xvectors")
    extractor = EXTRACTORS.find(args.extractor)(config)
    opened = extractor.open(args.model, args.feats, args.vad, args.exported)
    write_xvectors(opened.vectors, opened.num_utts, args)


def write_xvectors(xvectors, num_utts, args) -> None:
    """Write archive and script file; neither is left behind if something fails."""
    from tqdm import tqdm  # start-up time

    from steps_py.formats.holders import FLOAT_VECTOR
    from steps_py.formats.tables import TableWriter

    args.out_ark.parent.mkdir(parents=True, exist_ok=True)
    bar = tqdm(xvectors, total=num_utts, unit="utt", mininterval=0.2 if sys.stderr.isatty() else 10)
    try:
        with TableWriter(f"ark,scp:{args.out_ark},{args.out_scp}", FLOAT_VECTOR) as writer:
            for utt, xvector_E in bar:
                writer.write(utt, xvector_E)
    except BaseException:
        args.out_ark.unlink(missing_ok=True)
        args.out_scp.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    run(main)
