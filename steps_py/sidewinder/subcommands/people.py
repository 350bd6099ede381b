"""The enrolled people."""

import json

from steps_py.sidewinder.subcommands.base import SUBCOMMANDS, Subcommand, add_gallery, add_json
from steps_py.system.gallery_file import GalleryFile


@SUBCOMMANDS.register("people")
class People(Subcommand):
    """List the enrolled people: name, number of recordings, seconds of speech.

    sidewinder people --gallery people.sqlite
    """

    @classmethod
    def add_arguments(cls, parser):
        add_gallery(parser)
        add_json(parser)

    def run(self, args):
        people = GalleryFile(args.gallery, must_exist=True).people()
        if args.json:
            print(json.dumps([person._asdict() for person in people], indent=1))
            return
        for name, num_recordings, speech_sec in people:
            print(f"{name}\t{num_recordings}\t{speech_sec:.1f}")
