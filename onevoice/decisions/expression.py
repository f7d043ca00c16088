"""A small typed expression language, compiled to closures.

Takes text and the attributes that it may read, gives an `Expression`. The syntax is a part of Python's, read with `ast`
and let through node by node; everything else is refused, so that nothing can be imported, looked up, indexed or looped.
The one rule: kinds agree before anything runs.

Unknown is Kleene's third truth value (S. C. Kleene, Introduction to Metamathematics, 1952, section 64): what compares
an unknown fact is unknown, `false and unknown` is false, `true or unknown` is true, and only what is true holds.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from onevoice.decisions import closure
from onevoice.decisions.attribute import MOST_TEXT, Attribute, Demand, Kind
from onevoice.decisions.closure import Run, Term
from onevoice.decisions.function import FUNCTIONS
from onevoice.errors import ConfigurationError

MOST_CHARACTERS = 2000
MOST_NODES = 300

RULE_ERRORS = (ArithmeticError, LookupError, TypeError, ValueError)
"""What evaluating a sound expression may raise: division by zero, a number too large, a table that gave nothing."""

_COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_ARITHMETIC: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One expression, ready to run.

    Attributes:
        text: as it was written.
        run: facts -> value; None is unknown. Raises one of `RULE_ERRORS`.
        reads: the attributes that it reads.
        demands: what must all be so for it to be true.
        whole: the demands say all that it says: where they are met, it is true.
    """

    text: str
    kind: Kind
    run: Run
    reads: frozenset[str]
    demands: tuple[Demand, ...]
    whole: bool


def compile_expression(text: str, attributes: Mapping[str, Attribute], *, where: str, wanted: Kind) -> Expression:
    """Return the compiled expression.

    Args:
        where: file and key, for messages.
        wanted: the kind that it must give.

    Raises:
        ConfigurationError: it is not of this language, reads what is not declared, or its kinds do not agree.
    """
    compiler = _Compiler(text, attributes, where)
    term = compiler.compiled()
    if term.kind is not wanted:
        raise compiler.wrong(None, f"gives a {term.kind}; a {wanted} is wanted")
    return Expression(
        text=text,
        kind=term.kind,
        run=term.run,
        reads=frozenset(compiler.reads),
        demands=term.demands,
        whole=term.whole,
    )


class _Compiler:
    def __init__(self, text: str, attributes: Mapping[str, Attribute], where: str) -> None:
        self.text = text
        self.reads: set[str] = set()
        self._attributes = attributes
        self._where = where

    def compiled(self) -> Term:
        if len(self.text) > MOST_CHARACTERS:
            raise self.wrong(None, f"is over {MOST_CHARACTERS} characters; put a part of it into a table")
        try:
            tree = ast.parse(self.text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise self.wrong(None, "is not an expression; see docs/reference/rule-language.md") from None
        if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
            raise self.wrong(None, f"has over {MOST_NODES} parts; put some of it into a table")
        return self._term(tree.body)

    def wrong(self, node: ast.AST | None, what: str) -> ConfigurationError:
        column = getattr(node, "col_offset", None)
        at = "" if column is None else f" (character {column + 1})"
        return ConfigurationError(f"{self._where}{at}: {what}")

    def _term(self, node: ast.expr) -> Term:
        visit = _VISITS.get(type(node))
        if visit is None:
            raise self.wrong(node, "is not part of the language; see docs/reference/rule-language.md")
        return visit(self, node)

    def _of(self, node: ast.expr, kind: Kind) -> Term:
        term = self._term(node)
        if term.kind is not kind:
            raise self.wrong(node, f"is a {term.kind}; a {kind} is wanted here")
        return term

    def _constant(self, node: ast.Constant) -> Term:
        value = node.value
        if isinstance(value, bool):
            return closure.constant(Kind.TRUTH, value)
        if isinstance(value, int | float) and abs(value) <= 10**15:
            return closure.constant(Kind.NUMBER, Decimal(str(value)))
        if isinstance(value, str) and len(value) <= MOST_TEXT:
            return closure.constant(Kind.TEXT, value)
        raise self.wrong(node, "write a number up to 10^15, a short text, True or False")

    def _name(self, node: ast.Name) -> Term:
        attribute = self._attributes.get(node.id)
        if attribute is None:
            raise self.wrong(node, f"{node.id!r} is no attribute; see 'onevoice rules attributes'")
        self.reads.add(attribute.name)
        return closure.read(attribute)

    def _list(self, node: ast.Tuple | ast.List) -> Term:
        terms = [self._term(one) for one in node.elts]
        kinds = {term.kind for term in terms}
        if len(kinds) != 1 or not all(term.constant for term in terms) or not kinds <= {Kind.TEXT, Kind.NUMBER}:
            raise self.wrong(node, "a list holds texts, or numbers, that are written out")
        return Term(
            kind=terms[0].kind,
            run=terms[0].run,
            constant=True,
            value=frozenset(term.value for term in terms),
            many=True,
        )

    def _bool(self, node: ast.BoolOp) -> Term:
        parts = [self._of(one, Kind.TRUTH) for one in node.values]
        return closure.all_of(parts) if isinstance(node.op, ast.And) else closure.any_of(parts)

    def _unary(self, node: ast.UnaryOp) -> Term:
        if isinstance(node.op, ast.Not):
            return closure.negated(self._of(node.operand, Kind.TRUTH))
        if isinstance(node.op, ast.USub):
            return closure.minus(self._of(node.operand, Kind.NUMBER))
        raise self.wrong(node, "write 'not' or '-'")

    def _binary(self, node: ast.BinOp) -> Term:
        sign = _ARITHMETIC.get(type(node.op))
        if sign is None:
            raise self.wrong(node, "the signs are + - * /")
        return closure.arithmetic(sign, self._of(node.left, Kind.NUMBER), self._of(node.right, Kind.NUMBER))

    def _choice(self, node: ast.IfExp) -> Term:
        yes, no = self._term(node.body), self._term(node.orelse)
        if yes.kind is not no.kind or yes.many or no.many:
            raise self.wrong(node, "both sides of a choice are of one kind")
        return closure.choice(self._of(node.test, Kind.TRUTH), yes, no)

    def _compare(self, node: ast.Compare) -> Term:
        sides = [node.left, *node.comparators]
        terms = [self._term(one) for one in sides]
        parts = [self._comparison(node, op, terms[i], terms[i + 1]) for i, op in enumerate(node.ops)]
        return parts[0] if len(parts) == 1 else closure.all_of(parts)

    def _comparison(self, node: ast.Compare, op: ast.cmpop, left: Term, right: Term) -> Term:
        if isinstance(op, ast.In | ast.NotIn):
            member = self._membership(node, left, right)
            return closure.negated(member) if isinstance(op, ast.NotIn) else member
        sign = _COMPARISONS.get(type(op))
        if sign is None:
            raise self.wrong(node, "comparisons are == != < <= > >= in, not in")
        if left.many or right.many or left.kind is not right.kind or left.kind is Kind.TEXTS:
            raise self.wrong(node, f"a {left.kind} cannot be compared with a {right.kind} by {sign}; a list takes 'in'")
        if sign not in ("==", "!=") and left.kind is not Kind.NUMBER:
            raise self.wrong(node, f"only numbers are compared by {sign}")
        self._check_values(node, left, right)
        self._check_values(node, right, left)
        return closure.comparison(sign, left, right)

    def _membership(self, node: ast.Compare, left: Term, right: Term) -> Term:
        if left.many:
            raise self.wrong(node, "one value is sought in a list, not a list")
        if right.many and left.kind is right.kind:
            self._check_values(node, left, right)
            return closure.one_of(left, right.value)
        if right.kind is Kind.TEXTS and left.kind is Kind.TEXT:
            self._check_values(node, right, left)
            return closure.within(left, right)
        raise self.wrong(node, f"a {left.kind} is not sought in a {'list of ' if right.many else ''}{right.kind}")

    def _check_values(self, node: ast.AST, read: Term, said: Term) -> None:
        """A text that an attribute can never be is a slip of the pen."""
        if read.attribute is None or read.attribute.values is None or not said.constant:
            return
        values = said.value if said.many else {said.value}
        for value in sorted(values - read.attribute.values):
            known = ", ".join(sorted(read.attribute.values))
            raise self.wrong(node, f"{read.attribute.name} is never {value!r}; it is one of {known}")

    def _call(self, node: ast.Call) -> Term:
        function = FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if function is None or node.keywords:
            raise self.wrong(node, f"the functions are {', '.join(FUNCTIONS)}")
        terms = [self._term(one) for one in node.args]
        kinds = [term.kind for term in terms]
        given = None if any(term.many for term in terms) else function.gives(kinds)
        if given is None:
            raise self.wrong(node, f"write {function.shape}")
        return closure.call(function.run, given, terms, takes_unknown=function.takes_unknown)


_VISITS: Mapping[type[ast.expr], Callable[[_Compiler, Any], Term]] = {
    ast.Constant: _Compiler._constant,
    ast.Name: _Compiler._name,
    ast.Tuple: _Compiler._list,
    ast.List: _Compiler._list,
    ast.BoolOp: _Compiler._bool,
    ast.UnaryOp: _Compiler._unary,
    ast.BinOp: _Compiler._binary,
    ast.IfExp: _Compiler._choice,
    ast.Compare: _Compiler._compare,
    ast.Call: _Compiler._call,
}
