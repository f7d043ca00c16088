"""`onevoice rules`: what is wrong with the rules of decisions, whether their tests hold, what they may read."""

import typer

from onevoice.cli.screen import BAD, done, out, print_json, table
from onevoice.cli.setting import ConfigPath, Json, loaded
from onevoice.errors import ConfigurationError

app = typer.Typer(name="rules", help="The rules that decide: check, test, what they may read.", no_args_is_help=True)


@app.command("lint")
def lint(config: ConfigPath = None) -> None:
    """Find every problem of decisions.yaml, tables.yaml and offers.yaml in rules/.

    Example: onevoice rules lint
    """
    from onevoice.workers.decisions import lint_rules

    problems = lint_rules(loaded(config).root / "rules")
    for problem in problems:
        out.print(problem, style=BAD, soft_wrap=True, markup=False)
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) in the rules")
    done("the rules are sound")


@app.command("test")
def run_tests(config: ConfigPath = None) -> None:
    """Run the tests in rules/tests.yaml: facts, and the offers that must come out.

    Example: onevoice rules test
    """
    from onevoice.workers.decisions import failing_rule_tests

    failing = failing_rule_tests(loaded(config).root / "rules")
    for line in failing:
        out.print(line, style=BAD, soft_wrap=True, markup=False)
    if failing:
        raise ConfigurationError(f"{len(failing)} test(s) of the rules fail")
    done("the tests of the rules hold")


@app.command("attributes")
def attributes(as_json: Json = False, config: ConfigPath = None) -> None:
    """List what expressions may read: the hub's attributes, those declared, and the answers of tables.

    Example: onevoice rules attributes
    """
    from onevoice.workers.decisions import load_rules

    found = load_rules(loaded(config).root / "rules").ruleset.attributes.values()
    if as_json:
        print_json(list(found))
        return
    rows = [(one.name, one.kind.value, ", ".join(sorted(one.values or ())) or "-", one.words) for one in found]
    table(["attribute", "kind", "one of", ""], rows)
