"""Give an enrolled person another name."""

from steps_py.sidewinder.subcommands.base import SUBCOMMANDS, Subcommand, add_gallery
from steps_py.system.gallery_file import GalleryFile


@SUBCOMMANDS.register("rename")
class Rename(Subcommand):
    """Give an enrolled person another name.

    sidewinder rename anna anne --gallery people.sqlite
    """

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("name", help="of the person")
        parser.add_argument("new_name")
        add_gallery(parser)

    def run(self, args):
        GalleryFile(args.gallery, must_exist=True).rename(args.name, args.new_name)
