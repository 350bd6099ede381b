"""Write a trained network in the format that an engine of extraction reads.

python -m steps_py.stages.export_network --config JSON --model exp/model/final.pt \\
    --out exp/xvectors/network.onnx
"""

import argparse

from steps_py.embeddings.config import XvectorsConfig
from steps_py.errors import StepsError
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", required=True, help="section xvectors as JSON")
    parser.add_argument("--model", required=True, help="final.pt of train_model")
    parser.add_argument("--out", required=True)
    args = parser.parse_args(argv)
    config = load_slice(args.config, XvectorsConfig, "xvectors")
    import torch  # start-up time

    from steps_py.embeddings.engines import ENGINES
    from steps_py.embeddings.layers import of_layer
    from steps_py.embeddings.xvectors import check_chunks
    from steps_py.export.export import Network, export_network
    from steps_py.export.formats import EXPORT_FORMATS
    from steps_py.model.extractor import load_extractor

    engine = ENGINES.find(config.engine)
    if engine.format is None:
        raise StepsError(f"xvectors.engine is {config.engine}, which reads no exported network.")
    torch.set_num_threads(config.num_threads)
    extractor = load_extractor(args.model)
    check_chunks(extractor, config)
    module = of_layer(extractor.model.merge_branches(), config.layer)
    network = Network(module, extractor.feat_dim, config.min_chunk_frames, args.model)
    facts = {"layer": config.layer, "min_frames": config.min_chunk_frames}
    exported = export_network(network, facts, args.out, EXPORT_FORMATS.find(engine.format))
    print(f"{exported.path}: the largest difference to {args.model} is {exported.difference:.2g}")


if __name__ == "__main__":
    run(main)
