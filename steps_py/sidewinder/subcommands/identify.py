"""Who of the enrolled people speaks?"""

from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_gallery,
    add_json,
    add_reading,
    add_system,
    open_system,
    print_answer,
    reading_of,
)


@SUBCOMMANDS.register("identify")
class Identify(Subcommand):
    """Say who of the enrolled people speaks in a recording, or that nobody of them does.

    sidewinder identify results/system.swx who.wav --gallery people.sqlite --top 5

    The prior is the probability that the speaker is enrolled, before the recording is heard. The
    answer is "unknown" if a stranger is more probable than the best person.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("recording")
        add_gallery(parser)
        parser.add_argument("--top", type=int, default=5, help="people to list (default: 5)")
        parser.add_argument("--prior", type=float, default=0.5, help="default: 0.5")
        parser.add_argument(
            "--threshold", type=float, help="score that decides, in place of probabilities"
        )
        add_reading(parser)
        add_json(parser)

    def run(self, args):
        system = open_system(args)
        with system.gallery(args.gallery, must_exist=True) as gallery:
            answer = gallery.identify(
                args.recording, args.top, args.prior, args.threshold, **reading_of(args)
            )
        print_answer(answer, args.json)
        if not args.json:
            for place, candidate in enumerate(answer.candidates, 1):
                probability = "" if candidate.llr is None else f"  {candidate.probability:.4f}"
                print(f"{place:3d}  {candidate.name:30s} {candidate.score:10.4f}{probability}")
