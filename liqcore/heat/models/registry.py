"""All models there are: every file of this package that holds a `MODEL`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from liqcore.heat import models
from liqcore.heat.grid import GridError
from liqcore.heat.models.model import Model


def _found() -> list[Model]:
    files = (
        import_module(f"{models.__name__}.{file.name}")
        for file in iter_modules(models.__path__)
        if file.name != "registry"
    )
    held = [file.MODEL for file in files if hasattr(file, "MODEL")]
    return sorted(held, key=lambda one: (one.place, one.name))


# By name, in the order of their places; the first is the default.
MODELS: Final[Mapping[str, Model]] = MappingProxyType({one.name: one for one in _found()})
DEFAULT: Final = next(iter(MODELS))


def model(name: str) -> Model:
    """A model by its name; GridError names the known ones."""
    if name not in MODELS:
        raise GridError(f"There is no model {name!r}. Known: {', '.join(MODELS)}.")
    return MODELS[name]
