"""Who spoke when in a recording."""

import json
import sys
from pathlib import Path

from steps_py.errors import ConfigError, StepsError
from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_json,
    add_reading,
    reading_of,
    warn,
)


@SUBCOMMANDS.register("diarize")
class Diarize(Subcommand):
    """Find who spoke when in a recording, and write an RTTM file.

    sidewinder diarize meeting.wav --system results/system.swx --out meeting.rttm

    Speakers are named <recording>-1, <recording>-2 ... in the order in which they begin, or with
    --gallery by the names of enrolled people. Recordings of hours are read in pieces.
    """

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("recording")
        parser.add_argument(
            "--system", required=True, help="results/system.swx or exp/model/final.pt of a recipe"
        )
        parser.add_argument(
            "--recipe", help="its folder, if it has classes of its own (local/*.py)"
        )
        parser.add_argument("--threads", type=int, help="processor threads; default: all cores")
        parser.add_argument("--out", help="RTTM file; default: standard output")
        parser.add_argument("--num-speakers", type=int, help="if it is known")
        parser.add_argument("--min-speakers", type=int, help="otherwise, at least so many")
        parser.add_argument("--max-speakers", type=int, help="and at most so many")
        parser.add_argument("--clusterer", default="ahc", help="default: ahc; docs/diarization.md")
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="of the clusterer, such as threshold=0.3",
        )
        parser.add_argument("--plda", help="Kaldi's PLDA, for clusterers that need one")
        parser.add_argument("--speech", default="energy", help="speech detector; default: energy")
        parser.add_argument(
            "--segmentation",
            help="exp/segmentation/<name>/final.pt, for --speech network, --overlap",
        )
        parser.add_argument(
            "--overlap", action="store_true", help="a second speaker where several speak"
        )
        parser.add_argument("--shift-sec", type=float, default=0.75, help="default: 0.75")
        parser.add_argument("--picture", help="SVG file of the turns")
        parser.add_argument("--wavs", help="folder for a WAV file of each speaker")
        parser.add_argument("--gallery", help="file of enrolled people, who are named")
        add_reading(parser)
        add_json(parser)

    def run(self, args):
        num_speakers, bounds = _numbers(args)
        if args.threads:
            import torch  # start-up time

            torch.set_num_threads(args.threads)
        # start-up time
        from tqdm import tqdm

        from steps_py.conversations.picture import write_picture
        from steps_py.conversations.sounds import open_sound_of
        from steps_py.conversations.speaker_waves import write_speaker_waves
        from steps_py.diarization.rttm import rttm_line, write_rttm

        name = "_".join(Path(args.recording).stem.split())
        diarizer, embedder = _diarizer(args)
        sound = open_sound_of(
            args.recording, args.recording, embedder.front_end.sample_rate_hz, **reading_of(args)
        )
        with tqdm(unit=" windows", disable=None) as bar:

            def progress(done, total):
                bar.total = total
                bar.update(done - bar.n)

            found = diarizer.diarize(sound, name, num_speakers, bounds, progress)
        if not found.turns:
            warn([f"{args.recording}: has no speech, so nobody is found in it."])
        names = _known_people(args, found) if args.gallery and found.turns else {}
        turns = [
            turn._replace(speaker=names.get(turn.speaker, turn.speaker)) for turn in found.turns
        ]
        if args.picture:
            write_picture(args.picture, turns, found.duration_sec)
        if args.wavs:
            write_speaker_waves(args.wavs, turns, sound)
        if args.out:
            write_rttm(args.out, turns)
        if args.json:
            print(json.dumps([turn._asdict() for turn in turns], indent=1))
        elif not args.out:
            sys.stdout.writelines(f"{rttm_line(turn)}\n" for turn in turns)
        else:
            for speaker, seconds in found.speech_sec.items():
                print(f"{names.get(speaker, speaker):30s} {seconds:9.1f} s")


def _numbers(args):
    """The known number of speakers, or None, and its bounds."""
    given = (args.num_speakers, args.min_speakers, args.max_speakers)
    for option, number in zip(("--num", "--min", "--max"), given, strict=True):
        if number is not None and number < 1:
            raise ConfigError(f"{option}-speakers: is {number}. Give 1 or more.")
    if args.num_speakers is not None and (args.min_speakers or args.max_speakers):
        raise ConfigError("--num-speakers: is given, so --min-speakers and --max-speakers are not.")
    if args.min_speakers and args.max_speakers and args.min_speakers > args.max_speakers:
        raise ConfigError(
            f"--min-speakers: is {args.min_speakers}, more than --max-speakers {args.max_speakers}."
        )
    return args.num_speakers, (args.min_speakers, args.max_speakers)


def _diarizer(args):
    """The Diarizer that the arguments describe, and its extractor."""
    # start-up time
    from steps_py.backend.plda_io import read_plda
    from steps_py.conversations.cluster_set import build_clusterer
    from steps_py.conversations.config import OverlapConfig
    from steps_py.conversations.diarizer import Diarizer
    from steps_py.conversations.extractors import open_extractor
    from steps_py.conversations.speech import SPEECH_DETECTORS
    from steps_py.conversations.windows import WindowsConfig
    from steps_py.settings.build import build

    options = {"name": args.clusterer}
    for option in args.option:
        key, sign, value = option.partition("=")
        if not sign:
            raise ConfigError(f"--option: is '{option}'. Write KEY=VALUE.")
        options[key] = _value(value)
    clusterer = build_clusterer(options)
    detector = SPEECH_DETECTORS.find(args.speech)
    if detector.reads_reference:
        raise ConfigError(f"--speech: '{args.speech}' reads a reference, which there is none of.")
    options = {}
    if "network" in detector.Config.__dataclass_fields__:
        options["network"] = _segmentation(args, f"--speech {args.speech}")
    overlap = None
    if args.overlap:
        overlap = OverlapConfig(network=_segmentation(args, "--overlap"))
    if not 0 < args.shift_sec <= WindowsConfig().window_sec:
        raise ConfigError(f"--shift-sec: is {args.shift_sec:g}. Give more than 0, up to 1.5.")
    windows = build(WindowsConfig, {"shift_sec": args.shift_sec}, "--shift-sec")
    plda = read_plda(args.plda) if args.plda else None
    embedder = open_extractor(args.system, recipe=args.recipe)
    found = detector(detector.Config(**options))
    return Diarizer(embedder, found, clusterer, windows, plda, overlap), embedder


def _segmentation(args, option):
    if args.segmentation is None:
        raise ConfigError(f"{option}: needs a network. Give --segmentation.")
    return args.segmentation


def _value(text):
    """A number, true, false or null; otherwise the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _known_people(args, found):
    """{speaker: name of an enrolled person}; a person is one speaker of a recording at most."""
    # start-up time
    from steps_py.system.system import load_system
    from steps_py.system.voice import Voice

    if not args.system.endswith(".swx"):
        raise StepsError(f"{args.system}: has no gallery. Give results/system.swx as --system.")
    best: dict[str, tuple[float, str]] = {}
    with load_system(args.system, args.recipe).gallery(args.gallery) as gallery:
        for speaker, xvector_D in found.xvectors.items():
            seconds = found.speech_sec[speaker]
            voice = Voice(speaker, xvector_D, seconds, found.duration_sec, 0.0)
            answer = gallery.identify_voice(voice, top_k=1)
            score = answer.candidates[0].score
            if answer.name is not None and score > best.get(answer.name, (float("-inf"), ""))[0]:
                best[answer.name] = (score, speaker)
    return {speaker: "_".join(name.split()) for name, (_, speaker) in best.items()}
