"""Path data of SVG in few bytes: steps from point to point instead of places, to a tenth of a pixel.

Steps repeat where places do not, so they compress better as well. Each place is rounded before steps are taken, so
no error adds up along a path. Commands are those of SVG 2, section 9.3; matplotlib writes M, L, C, Q and Z.
"""

import re

_TOKENS = re.compile(r"([A-Za-z])|(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)")
_POINTS = {"M": 1, "L": 1, "C": 3, "Q": 2}  # points that a command takes
_STEPS = {"l": (1, 1), "h": (1, 0), "v": (0, 1)}


def shortened(path: str) -> str:
    """The same path in steps; returned as it is if it has a command that is not expected.

    Args:
        path: data with absolute commands, or with the steps ``l``, ``h`` and ``v``.
    """
    tokens = _TOKENS.findall(path)
    parts: list[str] = []
    here = start = (0, 0)  # tenths of a pixel
    at, command, last = 0, "", ""
    while at < len(tokens):
        if tokens[at][0]:
            command = tokens[at][0]
            at += 1
        if command in ("Z", "z"):
            parts.append("z")
            here, last, command = start, "z", ""
            continue
        along, down = _STEPS.get(command, (1, 1))
        n = 2 * _POINTS[command] if command in _POINTS else along + down if command in _STEPS else 0
        values = [round(10 * float(number)) for _, number in tokens[at : at + n]]
        if not n or len(values) < n:
            return path
        at += n
        if command in _STEPS:
            points = [(here[0] + (values[0] if along else 0), here[1] + (values[-1] if down else 0))]
        else:
            points = list(zip(values[::2], values[1::2], strict=True))
        if command == "M":
            start, command = points[0], "L"  # further points after M are lines
            name, numbers = ("m", [v - o for v, o in zip(values, here, strict=True)]) if parts else ("M", values)
        else:
            name, numbers = _step(command.lower(), points, here)
        # a command is not said again where it stays the same; a move is, since what follows one is a line
        parts.append(_written(numbers, name if name == "m" or name != last else ""))
        here, last = points[-1], name
    return "".join(parts)


_PAIR = re.compile(r"(-?[\d.]+) (-?[\d.]+)")


def moved(path: str, right: float, down: float) -> str:
    """A path of absolute commands, moved."""
    return _PAIR.sub(lambda m: f"{float(m[1]) + right:.1f} {float(m[2]) + down:.1f}", path)


def _step(name: str, points: list[tuple[int, int]], here: tuple[int, int]) -> tuple[str, list[int]]:
    """Command and numbers of a line or curve from ``here``; a line along an axis needs one number."""
    numbers = [v - o for point in points for v, o in zip(point, here, strict=True)]
    if name in _STEPS:
        if numbers[1] == 0:
            return "h", numbers[:1]
        return ("v", numbers[1:]) if numbers[0] == 0 else ("l", numbers)
    return name, numbers


def _written(tenths: list[int], command: str) -> str:
    """A command and its numbers; a minus sign or a command is separation enough."""
    text = command
    for value in tenths:
        number = f"{value / 10:.1f}".removesuffix(".0")
        number = re.sub(r"^(-?)0\.", r"\1.", number)
        text += number if number[0] == "-" or text == command != "" else f" {number}"
    return text
