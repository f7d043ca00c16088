"""YAML with the place of every key.

Takes the text of a file; gives plain values and line and column of each key. The rule kept: only what looks like JSON
is typed (true, null, 12, 1.5), so that a country `NO` and a date stay text; a key given twice is an error.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from onevoice.errors import ConfigurationError

Path = tuple[Hashable, ...]
Marks = dict[Path, tuple[int, int]]


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the library's own way of naming its rules


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])


def load_yaml(text: str, name: str) -> tuple[Any, Marks]:
    """Return the document and, for each key path in it, the line and column (from 1) of the key.

    Raises:
        ConfigurationError: the text is no YAML, or a key stands twice; the message begins with name:line:column.
    """
    loader = _Loader(text)
    marks: Marks = {}
    try:
        node = loader.get_single_node()
        value = None if node is None else _value(loader, node, (), marks, name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigurationError(f"{place}: not YAML: {error.problem}") from None
    finally:
        loader.dispose()
    return value, marks


def _value(loader: _Loader, node: yaml.Node, path: Path, marks: Marks, name: str) -> Any:
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*path, at), marks, name) for at, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigurationError(f"{name}:{line}:{column}: a key must be plain text, a number, true or false")
        key = loader.construct_object(key_node)
        if key in result:
            raise ConfigurationError(f"{name}:{line}:{column}: the key `{key}` stands twice: keep one")
        marks[*path, key] = (line, column)
        result[key] = _value(loader, value_node, (*path, key), marks, name)
    return result
