"""Augmented copies, as the recipes have them in wav.scp: per utterance.

Start-up counts, shared by the utterances of a process.  Babble takes Kaldi over half a
second an utterance, so its process has fewer; a job of a recipe has thousands.
"""

from benchmarks import inputs
from benchmarks.harness import Case
from steps_py.augment.kinds import additive

NUM_UTTS = {8: 20, 11: 100}  # by their length in seconds
NOISES = range(5)
MFCC = ("--num-mel-bins=30", "--num-ceps=30", "--snip-edges=false")


def make_inputs(folder, scale=1.0):
    for number in NOISES:
        inputs.write_noise(folder / f"babble{number}.wav", 510 * scale)
        inputs.write_noise(folder / f"noise{number}.wav", max(2 * scale, 0.1))
    inputs.write_room(folder / "room.wav", max(0.5 * scale, 0.01))
    for seconds in (8, 11):
        for number in range(NUM_UTTS[seconds]):
            inputs.write_noise(folder / f"utt{seconds}-{number:02d}.wav", seconds * scale)
    babble = [f'wav-reverberate --duration={8 * scale:g} "babble{n}.wav" - |' for n in NOISES]
    noises = [f"noise{n}.wav" for n in NOISES]
    starts = [2.1 * scale * n for n in NOISES]
    _write_copies(folder / "babble.scp", 8, additive(babble, [0] * 5, [20, 17, 15, 13, 20]))
    _write_copies(folder / "noise.scp", 11, additive(noises, starts, [15, 10, 5, 0, 15]))
    _write_copies(folder / "room.scp", 11, '--impulse-response="room.wav"')


def _write_copies(path, seconds, options):
    utts = [f"utt{seconds}-{number:02d}" for number in range(NUM_UTTS[seconds])]
    command = f"wav-reverberate --shift-output=true {options}"
    inputs.write_lines(path, [f"{utt} {command} {utt}.wav - |" for utt in utts])


def cases():
    return [
        Case(
            name="8 s utterance, babble of 5 x 8.5 min, to MFCC",
            argv=("compute-mfcc-feats", *MFCC, "scp:babble.scp", "ark:babble.ark"),
            at_most_sec=0.015,
            units=NUM_UTTS[8],
        ),
        Case(
            name="11 s utterance, one room response, to audio",
            argv=("wav-copy", "scp:room.scp", "ark:room.ark"),
            at_most_sec=0.005,
            units=NUM_UTTS[11],
        ),
        Case(
            name="11 s utterance, 5 short noises, to audio",
            argv=("wav-copy", "scp:noise.scp", "ark:noise.ark"),
            at_most_sec=0.010,
            units=NUM_UTTS[11],
        ),
    ]
