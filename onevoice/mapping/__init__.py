"""Mappings: declared once in YAML, run both ways.

Takes mapping files and schemas; gives compiled two-way functions, lint problems and test results.
"""

from onevoice.mapping.cases import CaseResult, run_tests
from onevoice.mapping.compiled import Mapping, compile_mapping
from onevoice.mapping.coverage import Coverage, measure
from onevoice.mapping.file import MappingFile, load_mappings, read_mapping
from onevoice.mapping.infer import draft_mapping, schema_of
from onevoice.mapping.layout import is_history
from onevoice.mapping.lint import lint
from onevoice.mapping.paths import flatten, unflatten
from onevoice.mapping.problem import Problem

__all__ = [
    "CaseResult",
    "Coverage",
    "Mapping",
    "MappingFile",
    "Problem",
    "compile_mapping",
    "draft_mapping",
    "flatten",
    "is_history",
    "lint",
    "load_mappings",
    "measure",
    "read_mapping",
    "run_tests",
    "schema_of",
    "unflatten",
]
