"""Who says what when in the conversations of a set -> its plans and its reference.

Writes plan.tsv, ref.rttm, all.uem, reco2dur and reco2num_spk; the sounds come later
(`steps_py.simulation.recordings`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from steps_py.data.data_dir import write_table
from steps_py.diarization.rttm import write_rttm
from steps_py.diarization.simulate import Piece, plan_conversation, turns_of_plan
from steps_py.diarization.turns import Region
from steps_py.diarization.uem import write_uem
from steps_py.draws import generator
from steps_py.errors import DataDirError
from steps_py.simulation.config import SimulatedSetConfig
from steps_py.simulation.plan_table import write_plans
from steps_py.simulation.speech import Stretch, read_stretches


def lay_out_set(
    set_name: str, config: SimulatedSetConfig, speech: str | Path, out: str | Path
) -> None:
    """Write the plans and the reference of a set to the folder `out`.

    Parameters
    ----------
    set_name : str
        Its recordings are ``<set_name>-00001`` ...
    config : SimulatedSetConfig
    speech : path
        Data directory of the speech.
    out : path

    Raises
    ------
    DataDirError
        If the data directory is damaged or has too few speakers.
    """
    out = Path(out)
    stretches = read_stretches(
        speech, config.max_pause_sec, config.layout.min_turn_sec, config.speakers
    )
    if len(stretches) < max(config.num_speakers):
        raise DataDirError(
            f"{speech}: {len(stretches)} speakers can be taken, but simulation.sets.{set_name} has"
            f" recordings of {max(config.num_speakers)}. Lower num_speakers, or widen speakers."
        )
    plans = draw_plans(set_name, config, stretches)
    turns = [turn for recording, plan in plans.items() for turn in turns_of_plan(recording, plan)]
    ends_sec = {recording: end_of(plan) for recording, plan in plans.items()}
    numbers = {recording: len({p.speaker for p in plan}) for recording, plan in plans.items()}
    out.mkdir(parents=True, exist_ok=True)
    write_plans(out / "plan.tsv", plans)
    write_rttm(out / "ref.rttm", turns)
    write_uem(out / "all.uem", [Region(recording, 0.0, end) for recording, end in ends_sec.items()])
    write_table(
        out / "reco2dur", ((recording, f"{end:.3f}") for recording, end in ends_sec.items())
    )
    write_table(out / "reco2num_spk", ((name, str(number)) for name, number in numbers.items()))


def draw_plans(
    name: str, config: SimulatedSetConfig, stretches: Mapping[str, Sequence[Stretch]]
) -> dict[str, list[Piece]]:
    """{recording: plan} with the utterances as recordings of the pieces.

    Plans depend on the seed and on the recording's name: with a larger ``num_recordings``, the
    first ones are the same.

    Parameters
    ----------
    stretches : {speaker: stretches}
        At least as many speakers as a recording has.
    """
    speakers = sorted(stretches)
    plans = {}
    for index in range(config.num_recordings):
        recording = f"{name}-{index + 1:05d}"
        number = config.num_speakers[index % len(config.num_speakers)]
        rng = generator(config.seed, "speakers", recording)
        drawn = [speakers[place] for place in sorted(rng.permutation(len(speakers))[:number])]
        usable = {
            speaker: [
                (str(place), round(each.end_sec - each.begin_sec, 3))
                for place, each in enumerate(stretches[speaker])
            ]
            for speaker in drawn
        }
        plan = plan_conversation(usable, config.layout, config.seed, recording)
        plans[recording] = [_in_utterance(piece, stretches[piece.speaker]) for piece in plan]
    return plans


def _in_utterance(piece, stretches):
    """The piece of a stretch as one of its utterance."""
    stretch = stretches[int(piece.recording)]
    offset_sec = round(stretch.begin_sec + piece.offset_sec, 3)
    return piece._replace(recording=stretch.utt, offset_sec=offset_sec)


def end_of(plan: Sequence[Piece]) -> float:
    """The end of the last piece in s; 0 of an empty plan."""
    return max((piece.end_sec for piece in plan), default=0.0)
