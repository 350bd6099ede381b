"""Remove a person from a gallery."""

from steps_py.sidewinder.subcommands.base import SUBCOMMANDS, Subcommand, add_gallery
from steps_py.system.gallery_file import GalleryFile


@SUBCOMMANDS.register("remove")
class Remove(Subcommand):
    """Remove a person and all that is kept of them.

    sidewinder remove anna --gallery people.sqlite
    """

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("name", help="of the person")
        add_gallery(parser)

    def run(self, args):
        GalleryFile(args.gallery, must_exist=True).remove(args.name)
