"""Typed, validated access to ``params.yaml``: one section type per module, ``study`` for the whole file.

A stage asks for a section type and gets exactly the keys which that type declares, so the keys listed for
the stage in ``dvc.yaml`` and the keys it reads can be compared (``tests/test_graph.py`` does).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.errors import UserError

PARAMS_FILE = Path("params.yaml")

T = TypeVar("T")
S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A mapping in ``params.yaml``: unknown keys refused, no conversion of types, read-only."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def load() -> dict[str, Any]:
    """Return ``params.yaml`` of the working folder as plain data (YAML 1.2, as DVC reads it).

    Raises UserError if the file is missing, is not YAML, or holds no mapping.
    """
    try:
        with PARAMS_FILE.open(encoding="utf-8") as file:
            text = file.read()
        YAML(typ="rt").load(text)  # refuses a key that stands twice beside a merge (<<), which "safe" lets pass
        data = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise UserError(f"{PARAMS_FILE} not found in {Path.cwd()}: run from the root of the project") from None
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or no value of its type
        raise UserError(f"{PARAMS_FILE} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{PARAMS_FILE} must hold a mapping of sections, found {type(data).__name__}")
    return data


def read(section: type[S], prefix: str) -> S:
    """Return the keys of ``section`` found under the dotted ``prefix`` and no others.

    ``read(Draw, "noise")`` reads ``noise.kind``, ``noise.clip`` and ``noise.seed``, but not ``noise.scales``.
    Raises UserError if the prefix is missing or a value is refused.
    """
    data: Any = load()
    for part in prefix.split("."):
        if not isinstance(data, dict) or part not in data:
            raise UserError(f"{PARAMS_FILE}: {prefix} is missing")
        data = data[part]
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key in section.model_fields}
    return validated(lambda: section.model_validate(data), prefix)


def validated(build: Callable[[], T], prefix: str = "") -> T:
    """Return ``build()``, turning a pydantic error into a UserError that names key, value and what is allowed."""
    try:
        return build()
    except ValidationError as error:
        lines = [_line(detail, prefix) for detail in error.errors()]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def _line(detail: Any, prefix: str) -> str:
    """Return one problem as ``params.yaml: key: found value: what is expected``."""
    key = prefix
    location = detail["loc"]
    if location[-1:] == ("[key]",):  # the name of a model is refused: it is the value found, not a key
        location = location[:-2]
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    expected = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{PARAMS_FILE}: {key} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{PARAMS_FILE}: {key} is not a known key: remove it or mend its spelling"
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        # A rule between keys: its message names key and value itself.
        return f"{PARAMS_FILE}: {key}{'.' if key else ''}{expected}"
    return f"{PARAMS_FILE}: {key}: found {detail['input']!r}. {expected}"
