"""The last resort: a typed Python function that a connector keeps beside its mappings, in `functions.py`.

Takes the folder of a mapping file and a name; gives the function, which takes the values of the rule's fields in order
(None where blank) and returns a canonical value, None for absent, or raises ValueError. One way.
"""

import importlib.util
import typing
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

JSON_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
}


def load_function(folder: Path, name: str) -> Callable[..., Any]:
    """Return a function of `functions.py` in the folder.

    Raises:
        ValueError: there is no such file or function, or it does not declare all its types.
    """
    place = folder / "functions.py"
    spec = importlib.util.spec_from_file_location(f"mapping_functions_{folder.name}", place)
    if spec is None or spec.loader is None or not place.is_file():
        raise ValueError(f"{place} does not exist: write the function there")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - whatever the file does wrong, the mapping cannot be used
        raise ValueError(f"{place} cannot be loaded ({type(error).__name__})") from None
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{place} has no function `{name}`")  # noqa: TRY004 - every fault of the file is one kind of error
    if set(typing.get_type_hints(function)) != {*_arguments(function), "return"}:
        raise ValueError(f"{place}: `{name}` must declare the types of its arguments and of what it returns")
    return typing.cast("Callable[..., Any]", function)


def declared_types(function: Callable[..., Any]) -> tuple[list[frozenset[str]], frozenset[str]]:
    """Return the JSON types of the arguments, in order, and of what is returned; null left out."""
    hints = typing.get_type_hints(function)
    return [_json_types(hints[name]) for name in _arguments(function)], _json_types(hints["return"])


def _arguments(function: Any) -> tuple[str, ...]:
    code = function.__code__
    return tuple(code.co_varnames[: code.co_argcount])


def _json_types(hint: Any) -> frozenset[str]:
    members = (
        typing.get_args(hint) if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union else (hint,)
    )
    return frozenset(
        JSON_TYPES.get(typing.get_origin(member) or member, "anything") for member in members if member is not NoneType
    )
