"""List one part of a corpus and read the header of every recording.

python -m steps_py.stages.prepare_part --name voxceleb1 --part dev \
    --options '{"root": "/corpora/voxceleb1"}' --out data/parts/voxceleb1.dev
"""

import argparse
import json

from steps_py.data.corpora import load_corpus
from steps_py.data.sets import write_part
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the corpus, a key of data.corpora")
    parser.add_argument("--part", required=True)
    parser.add_argument("--options", type=json.loads, required=True, help="its entry, as JSON")
    parser.add_argument("--threads", type=int, default=8, help="headers read at a time")
    parser.add_argument("--out", required=True, help="folder for wav.scp, utt2spk and utt2dur")
    args = parser.parse_args(argv)

    corpus = load_corpus(args.name, args.options)
    utterances = corpus.utterances(args.part, args.threads)
    write_part(args.out, utterances)

    where = f"{args.name}.{args.part}"
    for note in corpus.notes:
        print(f"{where}: {note}")
    num_speakers = len({u.spk for u in utterances})
    hours = sum(u.duration_sec for u in utterances) / 3600
    print(f"{where}: {len(utterances)} utterances of {num_speakers} speakers, {hours:.2f} hours")


if __name__ == "__main__":
    run(main)
