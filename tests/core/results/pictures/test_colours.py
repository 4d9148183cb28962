"""The loops' colours stay apart for every kind of colour vision, by a model of it, and stand out of white."""

import itertools

import numpy as np
import pytest

from core.results.pictures.colours import LOOP_COLOURS, loop_colour

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
# Ottosson 2020: linear RGB to cone responses, and their cube roots to OKLab.
CONES = [[0.41222147, 0.53633254, 0.05144599], [0.2119035, 0.68069955, 0.10739696], [0.08830246, 0.28171884, 0.6299787]]
LAB = [
    [0.21045426, 0.79361778, -0.00407205],
    [1.9779985, -2.4285922, 0.45059371],
    [0.02590404, 0.78277177, -0.80867577],
]


def _linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_colours_look_alike_to_anyone(sight: str) -> None:
    seen = [np.clip(np.asarray(SIGHT[sight]) @ _linear(colour), 0, 1) for colour in LOOP_COLOURS]
    lab = [np.asarray(LAB) @ np.cbrt(np.asarray(CONES) @ light) for light in seen]
    distances = {pair: np.linalg.norm(lab[pair[0]] - lab[pair[1]]) for pair in itertools.combinations(range(7), 2)}
    assert min(distances.values()) > 0.09, min(distances, key=lambda pair: distances[pair])


def test_every_colour_stands_out_of_white() -> None:
    luminances = [_linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in LOOP_COLOURS]
    assert min(1.05 / (luminance + 0.05) for luminance in luminances) > 2.5


def test_colours_come_round_again() -> None:
    assert [loop_colour(index) for index in range(9)] == [*LOOP_COLOURS, *LOOP_COLOURS[:2]]
