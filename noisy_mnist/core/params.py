"""Typed, validated access to ``params.yaml``, and the types that its sections share.

A stage reads whole sections, by the names that ``dvc.yaml`` lists under its ``params``. ``tests/test_graph.py`` checks
that the two agree.
"""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.core.errors import UserError

PARAMS_FILE = Path("params.yaml")

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)


class Section(BaseModel):
    """A mapping in ``params.yaml``: read-only, unknown keys refused, no type conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _as_written(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Keep 1 and 1.0 distinct: DVC names stages and folders after the number as written."""
    check(value)
    if value == 0 and str(value) != "0":
        raise ValueError("Expected 0 written as 0: stages and files are named as it is written")
    return value


def _distinct(values: list[H]) -> list[H]:
    if len(set(values)) < len(values):
        raise ValueError("Expected each entry once")
    return values


# Numbers that stages and files are named after: a noise scale or level, and the factor of a penalty.
Scale = Annotated[float, Field(ge=0, allow_inf_nan=False), WrapValidator(_as_written)]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False), WrapValidator(_as_written)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# For a list in an Annotated type: no duplicates, because DVC would silently run one stage for both.
Distinct = AfterValidator(_distinct)


def load() -> dict[str, Any]:
    """Return ``params.yaml`` of the working folder as plain data (YAML 1.2, as DVC reads it).

    Raises UserError if the file is missing, is not YAML, or holds no mapping.
    """
    try:
        with PARAMS_FILE.open(encoding="utf-8") as file:
            text = file.read()
        YAML(typ="rt").load(text)  # refuses a duplicate key beside a merge (<<), which "safe" accepts
        data = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise UserError(f"{PARAMS_FILE} not found in {Path.cwd()}: run from the root of the project") from None
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or not a value of its type
        raise UserError(f"{PARAMS_FILE} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{PARAMS_FILE} must hold a mapping of sections, found {type(data).__name__}")
    return data


def read(kind: type[T], key: str) -> T:
    """Return the value of a dotted key: ``read(NoiseParams, "noise")``, ``read(list[Scale], "grid.scales")``.

    Raises UserError if the key is missing or a value is refused.
    """
    data: Any = load()
    for part in key.split("."):
        if not isinstance(data, dict) or part not in data:
            raise UserError(f"{PARAMS_FILE}: {key} is missing")
        data = data[part]
    return validated(lambda: TypeAdapter(kind).validate_python(data, strict=True), key)


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
    if location[-1:] == ("[key]",):  # a refused model name is the value found, not a key
        location = location[:-2]
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    expected = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{PARAMS_FILE}: {key} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{PARAMS_FILE}: {key} is not a known key: remove it or check its spelling"
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        # A rule between keys: its message names key and value itself.
        return f"{PARAMS_FILE}: {key}{'.' if key else ''}{expected}"
    return f"{PARAMS_FILE}: {key}: found {detail['input']!r}. {expected}"
