"""Cut the speech of recordings into windows, each of which gets an x-vector.

python -m steps_py.stages.cut_windows --config JSON --speech exp/diarization/dev/speech \\
    --out exp/diarization/dev/segments
"""

import argparse

from steps_py.conversations.window_table import read_segments, write_segments
from steps_py.conversations.windows import WindowsConfig, cut_windows
from steps_py.program import run
from steps_py.settings.build import load_slice


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True, help="section diarization.windows as JSON")
    parser.add_argument("--speech", required=True, help="segments file of find_speech")
    parser.add_argument("--out", required=True, help="segments file of the windows")
    args = parser.parse_args(argv)
    config = load_slice(args.config, WindowsConfig, "diarization.windows")
    speech = read_segments(args.speech)
    write_segments(args.out, {name: cut_windows(found, config) for name, found in speech.items()})


if __name__ == "__main__":
    run(main)
