"""Insertion and deletion of maps of functions whose scores are known."""

import numpy as np
import pytest
import torch
from torch import nn

from steps_py.attribution.curves import curves_of
from steps_py.attribution.explained import Explained
from steps_py.attribution.methods import METHODS
from steps_py.attribution.methods.base import Attribution
from steps_py.attribution.randomisation import cascade
from tests.attribution.small_networks import explained_images

WEIGHT_TD = torch.tensor([[4.0, 0.0], [1.0, 3.0], [0.0, 2.0]])


def weighted_sum():
    """The sum of six features, ones, whose weights are 4, 0, 1, 3, 0 and 2."""
    return Explained.of(
        nn.Identity(), lambda x_BTD: (x_BTD * WEIGHT_TD).sum(dim=(1, 2)), torch.ones(3, 2), 0.0
    )


def test_deletion_takes_the_highest_feature_first_and_insertion_gives_it_first():
    curves = curves_of(weighted_sum(), WEIGHT_TD, num_steps=6, num_random=2)
    assert curves.deletion.score_S.tolist() == [10, 6, 3, 1, 0, 0, 0]
    assert curves.insertion.score_S.tolist() == [0, 4, 7, 9, 10, 10, 10]
    assert curves.deletion.area == pytest.approx((10 / 2 + 6 + 3 + 1) / 6)
    assert curves.insertion.area == pytest.approx((4 + 7 + 9 + 10 + 10 + 10 / 2) / 6)


def test_no_order_of_a_sum_is_better_than_that_of_its_weights_and_none_worse_than_the_reverse():
    best, worst = (curves_of(weighted_sum(), sign * WEIGHT_TD, 6, 20) for sign in (1, -1))
    assert (best.insertion.random_areas <= best.insertion.area).all()
    assert (best.deletion.random_areas >= best.deletion.area).all()
    assert (worst.insertion.random_areas >= worst.insertion.area).all()


def test_a_map_that_is_the_same_everywhere_is_as_good_as_chance():
    curves = curves_of(weighted_sum(), torch.ones(3, 2), num_steps=6, num_random=40)
    areas = curves.insertion.random_areas
    assert areas.min() <= curves.insertion.area <= areas.max()
    assert curves.summary()["insertion_random_area"] == pytest.approx(areas.mean())


def test_a_map_of_the_input_alone_survives_random_weights_and_a_gradient_does_not():
    (explained, _), _ = explained_images("bn")

    class InputItself:
        def attribute(self, explained):
            return Attribution(explained.x_TD)

    unmoved = cascade(explained, InputItself(), explained.x_TD)
    assert unmoved == {"1/3": 1.0, "2/3": 1.0, "3/3": 1.0}
    gradient = METHODS.build({"name": "gradient"})
    found = cascade(explained, gradient, gradient.attribute(explained).map_TD)
    assert abs(found["3/3"]) < 0.5


def test_randomisation_leaves_the_network_as_it_is():
    (explained, _), _ = explained_images("plain")
    before = {k: v.clone() for k, v in explained.network.state_dict().items()}
    gradient = METHODS.build({"name": "gradient"})
    cascade(explained, gradient, gradient.attribute(explained).map_TD)
    after = explained.network.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_orders_depend_on_the_seed_alone():
    one, two = (curves_of(weighted_sum(), WEIGHT_TD, 6, 3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.insertion.random_RS, two.insertion.random_RS)
