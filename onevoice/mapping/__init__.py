"""Mappings: declared once in YAML, run both ways.

Takes mapping files and schemas; gives compiled two-way functions, lint problems and test results.
"""

from onevoice.mapping.compiled import Mapping, compile_mapping
from onevoice.mapping.file import MappingFile, load_mappings, read_mapping
from onevoice.mapping.paths import flatten, unflatten

__all__ = [
    "Mapping",
    "MappingFile",
    "compile_mapping",
    "flatten",
    "load_mappings",
    "read_mapping",
    "unflatten",
]
