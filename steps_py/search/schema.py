"""Generate the table of the keys of search.yaml in docs/search.md from the dataclasses.

python -m steps_py.search.schema --write      write it
python -m steps_py.search.schema              exit 1 if it is not up to date
"""

import argparse
import sys

from steps_py.checkout import CHECKOUT
from steps_py.recipe.schema import markdown_table, rows_of
from steps_py.search.config import SearchConfig
from steps_py.settings.declare import schema_of

PAGE = CHECKOUT / "docs/search.md"
BEGIN = "<!-- written by python -m steps_py.search.schema --write -->\n"
END = "<!-- end -->"


def page_text() -> str:
    """docs/search.md with the table as the dataclasses have it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    lines = markdown_table(rows_of(schema_of(SearchConfig), ""))
    return before + BEGIN + "\n" + "\n".join(lines) + "\n" + rest[rest.index(END) :]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page")
    args = parser.parse_args(argv)
    text = page_text()
    if args.write:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        sys.exit("docs/search.md: not up to date. Run python -m steps_py.search.schema --write.")


if __name__ == "__main__":
    main()
