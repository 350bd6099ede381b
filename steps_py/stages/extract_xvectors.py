"""Extract the x-vectors of the utterances of a feats.scp, in its order.

python -m steps_py.stages.extract_xvectors --config JSON --model exp/model/final.pt \\
    --feats exp/xvectors/train/1.feats.scp --vad data/train/vad.scp \\
    --out-ark xvector.1.ark --out-scp xvector.1.scp
"""

import argparse
import sys
from pathlib import Path

from steps_py.recipe.config import load_slice
from steps_py.stages import run


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="{}", help="section xvectors as JSON")
    parser.add_argument("--model", required=True, help="final.pt of train_model")
    parser.add_argument("--feats", required=True, help="script file of features")
    parser.add_argument("--vad", required=True, help="script file of voice decisions")
    parser.add_argument("--out-ark", type=Path, required=True)
    parser.add_argument("--out-scp", type=Path, required=True)
    return parser


def main(argv=None):
    args = parser().parse_args(argv)
    import torch

    from steps_py.embeddings.xvectors import (
        XvectorsConfig,
        check_lengths,
        check_model,
        extract_xvectors,
        open_features,
    )
    from steps_py.model.device import choose_device, keep_freed_memory
    from steps_py.model.extractor import load_extractor

    config = load_slice(args.config, XvectorsConfig, "xvectors")
    torch.set_num_threads(config.num_threads)
    keep_freed_memory()
    extractor = load_extractor(args.model)
    features, num_voiced_U = open_features(args.feats, args.vad, extractor.cmvn)
    if len(features):
        check_lengths(features.utts, num_voiced_U, config, args.feats)
        check_model(extractor, args.model, features, args.feats, config)
    device = choose_device(config.device, "xvectors")
    model = extractor.model.to(device)
    write_xvectors(
        extract_xvectors(model, features, num_voiced_U, config, device), len(features), args
    )


def write_xvectors(xvectors, num_utts, args):
    """Write archive and script file; neither is left behind if something fails."""
    from tqdm import tqdm

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
