"""Are two recordings of one speaker?"""

from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_json,
    add_reading,
    add_system,
    open_system,
    print_answer,
    reading_of,
)


@SUBCOMMANDS.register("verify")
class Verify(Subcommand):
    """Say whether two recordings are of one speaker, and how probable that is.

    sidewinder verify results/system.swx anna.wav who.wav --prior 0.01

    The prior is the probability that they are of one speaker, before they are heard.
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("first", help="a recording")
        parser.add_argument("second", help="another recording")
        parser.add_argument("--prior", type=float, help="default: that of the system, 0.5")
        add_reading(parser)
        add_json(parser)

    def run(self, args):
        system = open_system(args)
        verdict = system.verify(args.first, args.second, args.prior, **reading_of(args))
        print_answer(verdict, args.json)
