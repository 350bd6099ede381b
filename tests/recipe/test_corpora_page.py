"""docs/corpora.md equals what the classes of local/ say."""

from steps_py.data.corpora import CORPORA
from steps_py.recipe.corpora_page import PAGE, page, published_types


def test_the_page_is_up_to_date():
    said = "run python -m steps_py.recipe.corpora_page --write"
    assert PAGE.read_text(encoding="utf-8") == page(), said


def test_every_corpus_but_those_of_ones_own_is_on_it():
    assert set(CORPORA.names()) - set(published_types()) == {"folder", "kaldi_dir", "sounds"}


def test_a_corpus_has_its_counts_its_licence_and_where_to_get_it():
    section = page().partition("## cnceleb1\n")[2].partition("## cnceleb2\n")[0]
    assert "https://www.openslr.org/82/ (22 GB; CC BY-SA 4.0)" in section
    assert "| `dev` | 797 | 107,953 |  |" in section
    assert "| `eval` | 3,484,292 |" in section
    assert "Lists of models, for `data.models`: `eval`." in section
