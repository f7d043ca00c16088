"""Computed fields: JSONata expressions, one way.

Takes the text of an expression; gives a function from a source record to a value. jsonata-python is imported only when
a mapping computes something.
"""

import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from onevoice.messages import Json


def compile_expression(text: str) -> Callable[[Json], Any]:
    """Return the function of a JSONata expression; it raises ValueError where the expression fails on a record.

    Raises:
        ValueError: the text is no expression; the message says why.
    """
    jsonata = importlib.import_module("jsonata")
    failure = jsonata.JException
    try:
        expression = jsonata.Jsonata(text)
    except failure as error:
        raise ValueError(str(error)) from None

    def compute(data: Json) -> Any:
        try:
            return expression.evaluate(data)
        except failure:
            raise ValueError("the expression fails") from None

    return compute


def named_fields(text: str, fields: Iterable[str]) -> tuple[str, ...]:
    """Return those of a record's fields that an expression names."""
    words = set(re.findall(r"\w+", text))
    return tuple(field for field in fields if field in words)
