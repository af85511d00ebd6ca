"""The run-time type checker that conftest installs."""

from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

# An int will do for a float, as mypy has it.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def typecheck(function: Any) -> Any:
    """The function with its annotations checked at each call.

    Functions inside functions are left alone: they would be wrapped anew each time the outer one runs, which is
    slow; mypy checks them.
    """
    if "<locals>" in function.__qualname__:
        return function
    try:
        return checked(function)
    except BeartypeDecorHintPep3119Exception:  # names a Protocol that isinstance cannot see; mypy checks it
        return function
