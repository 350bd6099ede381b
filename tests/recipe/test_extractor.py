"""A recipe of i-vectors has no network, and a recipe of a network needs its sections."""

import pytest
import yaml

from steps_py.checkout import CHECKOUT
from steps_py.embeddings.config import xvector_dim
from steps_py.errors import ConfigError
from steps_py.recipe.conf_files import check_conf_files
from steps_py.recipe.config import check_config, fill_defaults
from steps_py.recipe.overlays import lay_over

MINI = CHECKOUT / "egs/mini"
NETWORK = yaml.safe_load((MINI / "config.yaml").read_text())
IVECTOR = lay_over(NETWORK, yaml.safe_load((MINI / "ivector.yaml").read_text()))


def faults(config, **changes):
    with pytest.raises(ConfigError) as raised:
        check_config(config | changes, recipe=MINI)
    return str(raised.value)


def test_a_recipe_of_ivectors_has_no_sections_of_a_network():
    config = {name: section for name, section in IVECTOR.items() if section is not None}
    assert not {"chunks", "model", "train"} & config.keys()
    check_config(config, recipe=MINI)
    assert xvector_dim(fill_defaults(config, MINI)) == 30


@pytest.mark.parametrize("name", ["chunks", "model", "train"])
def test_a_network_needs_its_sections(name):
    without = {key: section for key, section in NETWORK.items() if key != name}
    assert f"'{name}' is missing." in faults(without)
    assert f"'{name}' is None; it must be a section of keys." in faults(NETWORK, **{name: None})


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"extractor": "ivektor"}, "'extractor' is 'ivektor'. Did you mean 'ivector'?"),
        ({"model": NETWORK["model"]}, "'model' is given, but 'extractor' is ivector"),
        (
            {"attribution": {"trials": "mini", "method": {"name": "gradient"}}},
            "'attribution' is given, but 'extractor' is ivector",
        ),
        ({"xvectors": {"layer": "inner"}}, "'xvectors.layer' is 'inner', but 'extractor' is"),
        ({"xvectors": {"copies": {"crops": {}}}}, "'xvectors.copies.crops' is given, but"),
        ({"cmvn": {"within_chunks": True}}, "'cmvn.within_chunks' is true, but"),
        ({"backend": {"lda_dim": 31}}, "'backend.lda_dim' is 31, more than 'ivector.dim', 30."),
        (
            {"augment": NETWORK["augment"] | {"online": {"probability": 1}}},
            "'augment.online' is given, but i-vectors read features.",
        ),
        (
            {"scores": {"systems": {"trained": ["dplda_of_model"]}}},
            "'scores.systems.trained' scores with the loss 'dplda' of a network, but 'extractor'",
        ),
        ({"ubm": {"num_gauss": 1}}, "ubm.init.gauss_share: 0.5 of 1 Gaussians is none."),
        ({"ubm": {"num_gaus": 64}}, "unknown key 'ubm.num_gaus'. Did you mean 'num_gauss'?"),
        ({"ivector": {"model": "a.ie"}}, "'ivector.model' is given, but 'ubm.full_model' is not."),
        ({"ivector": {"min_post": 2}}, "'ivector.min_post': 2 is more than the maximum of 1"),
    ],
)
def test_what_ivectors_cannot_do_is_refused_in_one_line(changes, fault):
    text = faults(IVECTOR, **changes)
    assert fault in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("name", ["sre16", "sitw", "cnceleb"])
def test_the_recipes_of_kaldi_have_an_overlay_of_ivectors(name):
    folder = CHECKOUT / "egs" / name
    base, overlay = (
        yaml.safe_load((folder / f"{file}.yaml").read_text()) for file in ("config", "ivector")
    )
    config = lay_over(base, overlay)
    check_config(config, recipe=folder)
    check_conf_files(fill_defaults(config, folder), folder)
    assert xvector_dim(fill_defaults(config, folder)) == {"sre16": 600}.get(name, 400)
