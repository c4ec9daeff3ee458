"""The paper's search schedule, and the one for a CPU."""

import pytest

from scrfd_edge.errors import SettingError
from scrfd_edge.search.recipes import find_search_recipe


def test_the_papers_schedule() -> None:
    recipe = find_search_recipe("paper_search")
    assert [(phase.epochs, phase.size, phase.batch) for phase in recipe.phases] == [(80, 640, 32)]
    steps = sum(recipe.steps(12_880))
    rates = [recipe.factor(int(steps * epoch / 80), steps) for epoch in (3.1, 55.9, 56.1, 67.9, 68.1, 79.9)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    assert recipe.factor(0, steps) == pytest.approx(0.001)


@pytest.mark.parametrize(("epochs", "pictures"), [(80, 3220), (10, 12_880), (10, 400)])
def test_the_papers_rate_gets_up_however_short_the_training(epochs: float, pictures: int) -> None:
    recipe = find_search_recipe("paper_search", epochs)
    steps = sum(recipe.steps(pictures))
    rates = [recipe.factor(int(steps * epoch / 80), steps) for epoch in (4, 55, 57, 67, 69)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("name", ["paper_search", "cpu_search"])
def test_crops_and_length_can_be_chosen(name: str) -> None:
    assert max(find_search_recipe(name).scales) == 2.0
    plain = find_search_recipe(name, 1.5, redistributed=False)
    assert max(plain.scales) == 1.0 and sum(phase.epochs for phase in plain.phases) == 1.5


def test_unknown_recipes_and_lengths() -> None:
    with pytest.raises(SettingError, match="paper_search, cpu_search"):
        find_search_recipe("fast")
    for epochs in (0, -1, float("nan")):
        with pytest.raises(SettingError, match="Epochs"):
            find_search_recipe("cpu_search", epochs)
