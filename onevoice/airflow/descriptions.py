"""What each DAG says of itself in Airflow: what it does, and what to do when it is red."""

from onevoice.config import HOUSEKEEPING_SECONDS, LEARN_SECONDS, REJUDGE_SECONDS, Config, SystemConfig

_RED = """### When it is red

Open the failed task's log. Its last error says what stopped it and what to do next:
"""


def describe_sync(config: Config, system: SystemConfig) -> str:
    """Return the text of `sync__<system>`."""
    return f"""## {system.title}: sync

Reads what changed in system `{system.name}` (connector `{system.connector}`) since the last run, stream after stream,
and puts it on the bus. Counts are in the task's log; records never are. {_when(config, system.poll_seconds)}

{_RED}
{_errors(system)}

Skipped (pink) means that there was nothing to do: nothing is polled, or somebody else was at it.
"""


def describe_reconcile(config: Config, system: SystemConfig) -> str:
    """Return the text of `reconcile__<system>`."""
    return f"""## {system.title}: reconcile

Reads system `{system.name}` (connector `{system.connector}`) whole, publishes what differs from what the hub has, and
looks up what is missing: only what the system confirms as gone counts as deleted.
{_when(config, system.reconcile_seconds)}

{_RED}
{_errors(system)}
- **"records are gone"**: more vanished than may without a person looking at it. Look into the system. If it is right,
  start this DAG by hand with *Approve many deletes*.
"""


def describe_watch(system: SystemConfig) -> str:
    """Return the text of `watch__<system>`."""
    return f"""## {system.title}: watch

Asks the running hub once a minute how system `{system.name}` is (`GET /v1/watch/{system.name}`, Airflow connection
`onevoice_api`). It touches neither store nor bus nor the system.

{_RED}
- **the hub's API does not answer**: start `onevoice run`; look at Airflow connection `onevoice_api`.
- **a limit is passed**: the line names the limit, how far it is passed, and what to do.
"""


def describe_learn(config: Config) -> str:
    """Return the text of `learn`."""
    return f"""## Decisions: learn

Counts what became of offers (shown, clicked, accepted, declined) into the next numbered snapshot; decisions go by the
newest one. Where nothing new was reported, none is made. {_when(config, LEARN_SECONDS)}

{_RED}
- **TransientError**: the store was away over all tries; the next run counts all the same.
- **AirflowFailException, a setting**: `onevoice.toml` or an Airflow connection is wrong. Write what the message asks
  for, then clear the task.
"""


def describe_housekeeping(config: Config) -> str:
    """Return the text of `housekeeping`."""
    return f"""## Hub: housekeeping

Takes away what is over, after the periods of `[retention]` in `onevoice.toml`: the ledger of old messages, settled
quarantine, old decisions. Records, acts, what systems are owed and what waits in quarantine stay.
{_when(config, HOUSEKEEPING_SECONDS)}

{_RED}
- **TransientError**: the store was away over all tries; the next run goes on where this one stopped.
- **AirflowFailException, a setting**: `onevoice.toml` or an Airflow connection is wrong. Write what the message asks
  for, then clear the task.
"""


def describe_rejudge(config: Config) -> str:
    """Return the text of `rejudge`."""
    when = f"It runs every {_duration(REJUDGE_SECONDS)}." if config.scheduler == "airflow" else "Start it by hand."
    return f"""## Customers: judge anew

Brings a changed matching model, or a changed `rules/identity.yaml`, to all records: it counts which customers would be
regrouped, then judges every record anew while the hub goes on. Where nothing changed it is skipped. {when} It may be
cut at any moment: the next run goes on.

{_RED}
- **AirflowFailException, "customers would be regrouped"**: more than `identity.max_regroup`. Look at
  `onevoice identity rejudge --count`; start this DAG with "Approve the regrouping", or take the change back.
- **TransientError**: the store was away over all tries; the next run goes on.
- **AirflowFailException, a setting**: `onevoice.toml` or an Airflow connection is wrong. Write what the message asks
  for, then clear the task.
"""


def _errors(system: SystemConfig) -> str:
    return f"""- **TransientError**: the system, the broker or the store was away, and stayed away over all tries. See
  whether it runs; the next run goes on where this one stopped.
- **AirflowFailException, "parked" or "credentials"**: the system does not let the hub in and is left alone until you
  act. Put credentials or rights right, then type
  `onevoice system resume {system.name}`.
- **AirflowFailException, a setting**: `onevoice.toml`, a mapping or an Airflow connection is wrong. Write what the
  message asks for, then clear the task.
- **AirflowFailException, "a defect"**: the hub met something that it does not know. Report the line that it names;
  nothing was lost."""


def _when(config: Config, seconds: float) -> str:
    if config.scheduler == "airflow":
        return f"It runs every {_duration(seconds)}."
    return (
        f'`onevoice run` does the same every {_duration(seconds)} by itself (`hub.scheduler = "builtin"`); '
        "start this DAG by hand when you do not want to wait."
    )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} seconds"
