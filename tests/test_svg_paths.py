"""Path data in steps: the same points, to a tenth of a pixel, in fewer bytes."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from site_builder.markup import clean_svg
from site_builder.svg_paths import shortened

NUMBER = re.compile(r"-?\d*\.?\d+")


def points(path: str) -> list[tuple[str, float, float]]:
    """Every point of a path as (command, x, y) in absolute places, read in another way than the code under test."""
    found: list[tuple[str, float, float]] = []
    x = y = x0 = y0 = 0.0
    for command, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = list(map(float, NUMBER.findall(rest)))
        if command in "Zz":
            x, y = x0, y0
            found.append(("Z", x, y))
            continue
        if command in "hv":
            for step in numbers:
                x, y = (x + step, y) if command == "h" else (x, y + step)
                found.append(("L", x, y))
            continue
        if command == "m":
            numbers = [numbers[0] + x, numbers[1] + y]
            command = "M"
        size = {"M": 2, "L": 2, "C": 6, "Q": 4}[command.upper()]
        for k, part in enumerate(np.reshape(numbers, (-1, size // 2, 2))):
            ends = np.add(part, (x, y)) if command.islower() else part
            x, y = ends[-1]
            if command == "M" and k == 0:
                x0, y0 = x, y
            name = "L" if command == "M" and k else command.upper()
            found += [(name, *end) for end in ends]
    return found


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("M55.8 452L55.8 32M108.3 452L108.3 32", "M55.8 452v-420m52.5 420v-420"),
        ("M0 0L1 2L3 4L2 0.5Z", "M0 0l1 2 2 2-1-3.5z"),
        ("M0.26 0L0.3 0C1 2 3 4 5 6Q6 7 8 9", "M.3 0h0c.7 2 2.7 4 4.7 6q1 1 3 3"),
        ("M5 5L6 5L7 5L7 4", "M5 5h1 1v-1"),
        ("M1 1l0 3.5h2v-0.4", "M1 1v3.5h2v-.4"),
        ("M1 1 2 2 3 3", "M1 1l1 1 1 1"),
        ("M1 1A2 2 0 0 1 3 3", "M1 1A2 2 0 0 1 3 3"),  # arcs are not expected
        ("M1 1L2", "M1 1L2"),
        ("3 4", "3 4"),
        ("M1 1Z2 2", "M1 1Z2 2"),
        ("", ""),
    ],
)
def test_short_paths(path: str, expected: str) -> None:
    assert shortened(path) == expected


PLACE = st.floats(-2000, 2000).map(lambda v: f"{v:.2f}")
COMMAND = st.sampled_from([("M", 2), ("L", 2), ("C", 6), ("Q", 4)]).flatmap(
    lambda c: st.lists(PLACE, min_size=c[1], max_size=c[1]).map(lambda v: c[0] + " ".join(v))
)


@given(st.lists(st.one_of(COMMAND, st.just("Z")), max_size=30).map(lambda parts: "M3 4" + "".join(parts)))
def test_places_are_kept(path: str) -> None:
    """The same commands at the same places, however long the path."""
    was, now = points(path), points(shortened(path))
    assert [p[0] for p in now] == [p[0] for p in was]
    np.testing.assert_allclose([p[1:] for p in now], [p[1:] for p in was], atol=0.0501)


MARK = '<defs><path id="m" d="M-1 0L1 0L0 1Z" stroke="red"{}/></defs>'
PLACED = '<use href="#m" x="{}" y="{}" fill="blue" stroke="red"/>'


def cleaned(content: str) -> str:
    """The content of a drawing after cleaning."""
    return clean_svg(f"<svg>{content}</svg>", "p").removeprefix("<svg>").removesuffix("</svg>")


def test_marks_of_one_look_are_one_path() -> None:
    marks = PLACED.format(10, 5) + PLACED.format(12.5, 5.5)
    one = '<path d="M9 5h2l-1 1zm2.5 .5h2l-1 1z" stroke="red" fill="blue"/>'
    assert cleaned(MARK.format("") + f'<g clip-path="x">{marks}</g>') == f'<g clip-path="x">{one}</g>'
    # another colour, or something between, ends a run
    green = PLACED.format(0, 0).replace("blue", "green")
    apart = cleaned(MARK.format("") + marks + green + "<text>a</text>" + marks)
    assert apart == f'{one}<path d="M-1 0h2l-1 1z" stroke="red" fill="green"/><text>a</text>{one}'


def test_marks_that_can_be_seen_through_stay_apart() -> None:
    mark, use = MARK.format(' fill-opacity="0.5"'), PLACED.format(1, 2)
    assert cleaned(mark + use).count("<use") == 1
    use = use.replace("/>", ' opacity="0.5"/>')
    assert cleaned(MARK.format("") + use + use).count("<use") == 2
