"""Change recordings before their features are computed.

python -m steps_py.stages.change_audio --steps '["trim_silence"]' scp:wav.scp ark:changed.ark
"""

import argparse
import json
import sys

from steps_py.audio.signal_chain import SignalChain
from steps_py.audio.wave import Wave
from steps_py.audio.wave_holder import WAVE
from steps_py.errors import AudioError
from steps_py.formats.log import Tally, log, start
from steps_py.formats.tables import SequentialReader, TableWriter
from steps_py.program import run


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", required=True, help="feats.signal_steps, as JSON")
    parser.add_argument("wav_in", help="rspecifier of recordings")
    parser.add_argument("wav_out", help="wspecifier of recordings")
    args = parser.parse_args(argv)

    start("change_audio")
    chain, tally = SignalChain(json.loads(args.steps)), Tally()
    with SequentialReader(args.wav_in, WAVE) as reader, TableWriter(args.wav_out, WAVE) as writer:
        for utt, wave in reader:
            try:
                samples_CN = chain(wave.samples_CN, wave.rate_hz, utt)
            except AudioError as error:
                tally.lost(utt, str(error).removeprefix(f"{utt}: "))
                continue
            writer.write(utt, Wave(wave.rate_hz, samples_CN))
            tally.done()
    log(f"Changed {tally.num_done} of {tally.num_seen} recordings.")
    sys.exit(tally.exit_code())


if __name__ == "__main__":
    run(main)
