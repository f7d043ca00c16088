"""`onevoice demo` and `onevoice stack`: the sample company that comes with the hub, to try it on."""

from enum import StrEnum
from typing import Annotated

import typer


class Stack(StrEnum):
    """What the demo runs on."""

    EMBEDDED = "embedded"
    REAL = "real"


stack = typer.Typer(name="stack", help="The sample company on private servers, left running.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo")(demo)
    app.add_typer(stack)


def demo(
    stack: Annotated[
        Stack, typer.Option("--stack", help="One process, or private RabbitMQ and PostgreSQL.")
    ] = Stack.EMBEDDED,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    people: Annotated[int, typer.Option("--people", min=50, help="How many people the sample company knows.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Which population; equal seeds give equal ones.")] = 1,
) -> None:
    """Run the whole walk once: four systems, one hub, one customer record, an opt-out that all of them verifiably know.

    Example: onevoice demo
    """
    from samples.demo import demo as run_demo

    raise typer.Exit(run_demo(stack=stack.value, keep=keep, people=people, seed=seed))


@stack.command("up")
def up() -> None:
    """Start private RabbitMQ and PostgreSQL, the four sample systems, the hub and Airflow; leave them running.

    Example: onevoice stack up
    """
    from samples.stack import up as start

    start()


@stack.command("down")
def down() -> None:
    """End what 'onevoice stack up' started, and nothing else.

    Example: onevoice stack down
    """
    from samples.stack import down as end

    end()
