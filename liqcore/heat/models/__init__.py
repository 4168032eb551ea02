"""Models of where open positions would be closed: one file each, found by the registry."""

from liqcore.heat.models.model import Inputs, Levels, Model, Steps
from liqcore.heat.models.registry import DEFAULT, MODELS, model

__all__ = ["DEFAULT", "MODELS", "Inputs", "Levels", "Model", "Steps", "model"]
