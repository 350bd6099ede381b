"""docs/corpora.md: the corpora of local/, where to get them, their layouts, sizes and trial lists.

python -m steps_py.recipe.corpora_page --write      writes the page
python -m steps_py.recipe.corpora_page              exit 1 if it is not up to date
"""

import argparse
import sys
from collections.abc import Iterator

from steps_py.checkout import CHECKOUT
from steps_py.data.corpora import CORPORA, Corpus, load_corpus

PAGE = CHECKOUT / "docs/corpora.md"
NOWHERE = "/nonexistent"  # the parts of a corpus are known without its files
HEAD = """# Corpora

Written by `python -m steps_py.recipe.corpora_page --write` from the classes in `local/`, which name
the sources of the counts. A folder with other counts is refused, unless its entry in `data.corpora`
has `partial: true`; where a table has no number, none is compared.
[local/README.md](../local/README.md) has the keys of an entry, and how to add a corpus. Your own
recordings: [own_audio.md](own_audio.md). A corpus without a trial list gets one
[by a rule](own_audio.md#trial-lists-made-by-a-rule).

VoxMovies has no type of its own: use `folder`, with its lists as `trials` of that entry.

"""


def page() -> str:
    """The text of docs/corpora.md."""
    corpora = {name: load_corpus(name, {"root": NOWHERE}) for name in sorted(published_types())}
    index = [f"[`{name}`](#{name}): {title(corpus)}" for name, corpus in corpora.items()]
    sections = ["\n".join(section(name, corpus)) for name, corpus in corpora.items()]
    return HEAD + "\n".join(f"- {line}" for line in index) + "\n\n" + "\n".join(sections)


def published_types() -> list[str]:
    """Types of corpora that somebody publishes: those with an address."""
    return [name for name in CORPORA.names() if "://" in CORPORA.find(name).source]


def title(corpus: Corpus) -> str:
    """The first line of the corpus's module, without its final dot."""
    return documentation(corpus)[0].partition("\n")[0].removesuffix(".")


def documentation(corpus: Corpus) -> list[str]:
    """The paragraphs of the docstring of the corpus's module."""
    return (sys.modules[type(corpus).__module__].__doc__ or "").strip().split("\n\n")


def section(name: str, corpus: Corpus) -> Iterator[str]:
    """The lines about one corpus."""
    yield f"## {name}\n"
    yield f"{title(corpus)}.\n"
    yield " ".join(corpus.source.split()) + "\n"
    yield from ["```", *corpus.layout.strip().splitlines(), "```\n"]
    yield from table("part | speakers | utterances | hours", part_rows(corpus))
    trials = [[f"`{list_}`", count(n)] for list_, n in corpus.published_trials.items()]
    yield from table("trial list | trials", trials)
    if corpus.model_lists:
        lists = ", ".join(f"`{models}`" for models in corpus.model_lists)
        yield f"Lists of models, for `data.models`: {lists}.\n"


def part_rows(corpus: Corpus) -> Iterator[list[str]]:
    """Name, speakers, utterances and hours of each part; empty where they are not published."""
    for part in corpus.parts():
        known = corpus.published.get(part) or (None, None, None)
        hours = "" if known[2] is None else f"{known[2]:g}"
        yield [f"`{part}`", count(known[0]), count(known[1]), hours]


def count(number: int | None) -> str:
    """A number with separators; empty for None."""
    return "" if number is None else f"{number:,}"


def table(head: str, rows) -> list[str]:
    """Lines of a table; none if it has no row."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    rule = "|---" * (head.count("|") + 1) + "|"
    return [f"| {head} |", rule, *lines, ""] if lines else []


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the page")
    args = parser.parse_args(argv)
    text = page()
    if args.write:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE}: not up to date. Run python -m steps_py.recipe.corpora_page --write.")


if __name__ == "__main__":
    main()
