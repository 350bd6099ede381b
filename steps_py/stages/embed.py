"""Extract x-vectors of recordings with a trained network, without recipe or Kaldi.

python -m steps_py.stages.embed --model exp/model/final.pt --wav anna.wav ben.flac --out voices.ark

The archive holds a vector for each recording, under the file's name without its suffix;
steps_py.formats.kaldi_io_tables.read_vectors("voices.ark") and Kaldi's commands read it.
"""

import argparse
from pathlib import Path

from steps_py.errors import ConfigError, some
from steps_py.program import run
from steps_py.settings.build import load_slice


def parser():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True, help="final.pt of a recipe")
    parser.add_argument("--wav", required=True, nargs="+", type=Path, help="recordings")
    parser.add_argument("--out", required=True, type=Path, help="archive of vectors to write")
    parser.add_argument("--config", default="{}", help="section xvectors of the recipe as JSON")
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = parser().parse_args(argv)
    paths = names_of(args.wav)
    import torch  # start-up time

    from steps_py.embeddings.api import Embedder
    from steps_py.embeddings.config import XvectorsConfig
    from steps_py.formats.kaldi_io_tables import write_vectors

    torch.set_num_threads(args.threads)
    embedder = Embedder(args.model, load_slice(args.config, XvectorsConfig, "xvectors"))
    write_vectors(args.out, {name: embedder.embed(path) for name, path in paths.items()})


def names_of(paths):
    """{key of the archive: path} of recordings.

    >>> names_of([Path("a/anna.wav"), Path("ben.flac")])
    {'anna': PosixPath('a/anna.wav'), 'ben': PosixPath('ben.flac')}
    """
    named = {path.stem: path for path in paths}
    if len(named) < len(paths):
        twice = [str(path) for path in paths if named[path.stem] != path]
        raise ConfigError(
            f"--wav: several recordings have one name ({some(twice)}), which is their key in the"
            " archive. Rename them, or embed them one by one."
        )
    return named


if __name__ == "__main__":
    run(main)
