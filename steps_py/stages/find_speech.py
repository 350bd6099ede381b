"""Find the speech of the recordings of a set.

python -m steps_py.stages.find_speech --speech '{"name": "energy"}' --set JSON \\
    --extractor exp/model/final.pt --data data/dev --out exp/diarization/dev/speech
"""

import argparse
import json

from steps_py.program import run
from steps_py.settings.build import build, load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", required=True, help="section diarization.speech as JSON")
    parser.add_argument("--set", required=True, help="entry of diarization.sets as JSON")
    parser.add_argument("--extractor", required=True, help="system.swx or final.pt of a recipe")
    parser.add_argument("--data", required=True, help="folder of the set")
    parser.add_argument("--out", required=True, help="segments file")
    args = parser.parse_args(argv)

    # start-up time
    from tqdm import tqdm

    from steps_py.conversations.config import ConversationsConfig
    from steps_py.conversations.extractors import open_extractor
    from steps_py.conversations.heard_set import HeardSet
    from steps_py.conversations.speech import SPEECH_DETECTORS
    from steps_py.conversations.window_table import write_segments

    options = json.loads(args.speech)
    cls = SPEECH_DETECTORS.find(options.pop("name", "energy"))
    detector = cls(build(cls.Config, options, "diarization.speech"))
    config = load_slice(args.set, ConversationsConfig, "diarization.sets")
    heard = HeardSet(args.data, config, open_extractor(args.extractor).front_end)
    found = {}
    for each in tqdm(heard.open(), total=len(heard.names), unit=" recordings", mininterval=10):
        found[each.features.name] = detector.stretches(each)
        if not found[each.features.name]:
            print(f"WARNING: {each.features.name}: has no speech, so nobody is found in it.")
    write_segments(args.out, found)


if __name__ == "__main__":
    run(main)
