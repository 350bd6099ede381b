"""Add a person, or recordings of one, to a gallery."""

from steps_py.sidewinder.subcommands.base import (
    SUBCOMMANDS,
    Subcommand,
    add_gallery,
    add_reading,
    add_system,
    open_system,
    reading_of,
    warn,
)


@SUBCOMMANDS.register("enrol")
class Enrol(Subcommand):
    """Enrol a person by recordings, or add recordings of a person who is enrolled.

    sidewinder enrol results/system.swx anna anna1.wav anna2.wav --gallery people.sqlite
    """

    @classmethod
    def add_arguments(cls, parser):
        add_system(parser)
        parser.add_argument("name", help="of the person")
        parser.add_argument("recordings", nargs="+", help="recordings of the person")
        add_gallery(parser)
        add_reading(parser)

    def run(self, args):
        system = open_system(args)
        with system.gallery(args.gallery) as gallery:
            voices = list(system.voices(args.recordings, **reading_of(args)))
            person = gallery.enrol_voices(args.name, voices)
        warn(line for voice in voices for line in voice.warnings)
        print(
            f"{person.name}: {person.num_recordings} recordings, {person.speech_sec:.1f} s of"
            f" speech, in {args.gallery}"
        )
