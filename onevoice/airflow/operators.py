"""What Airflow does for the hub: sync a system, reconcile it, watch it; and the jobs of the hub itself.

A sync or reconciliation runs in the task's own process, stream after stream, parties first since other records refer
to them; one stream's trouble does not stop the next. It leaves counts in the log and nothing in XCom.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from onevoice.airflow.failure import shielded
from onevoice.airflow.hook import HubHook
from onevoice.airflow.verdict import complaints
from onevoice.errors import OperatorError, RecordError, RefusedError, TransientError

if TYPE_CHECKING:
    from onevoice.workers.hub import Hub
    from onevoice.workers.sync import SyncReport

APPROVE_DELETES = "approve_deletes"
APPROVE_REGROUPING = "approve_regrouping"


class HubOperator(BaseOperator, ABC):
    """What all tasks share: a system, and the file that configures it.

    Args:
        system: the system's name in `onevoice.toml`.
        config_path: that file.
    """

    verb = ""

    def __init__(self, *, system: str, config_path: str, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, **kwargs)
        self.system = system
        self.config_path = config_path

    def execute(self, context: Context) -> None:
        """Do the work; see `shielded` for what it raises."""
        shielded(lambda: self.work(HubHook(self.config_path), context), f"system {self.system}, {self.verb}")

    @abstractmethod
    def work(self, hook: HubHook, context: Context) -> None:
        """Do the work with errors of the hub's own."""

    def each_stream(self, hub: Hub, read: Callable[[str], SyncReport]) -> None:
        """Run `read` for every polled stream.

        Raises:
            OperatorError: the system is parked, or lets us in no more.
            TransientError, RefusedError: of the streams that failed; the others are done.
            AirflowSkipException: no stream is polled, or somebody else is at all of them.
        """
        if self.system in hub.systems.parked():
            raise OperatorError(
                f"system {self.system} is parked: see 'onevoice status' for the reason, put it right, then type "
                f"'onevoice system resume {self.system}'"
            )
        streams = [stream.name for stream in hub.catalog.streams_of(self.system) if stream.polled]
        failed: list[TransientError | RefusedError | RecordError] = []
        idle = 0
        for stream in streams:
            try:
                report = read(stream)
            except (TransientError, RefusedError, RecordError) as error:
                self.log.warning("%s", error)
                failed.append(error)
            else:
                idle += report.busy
                self._tell(report)
        if failed:
            raise _gravest(failed)
        if idle == len(streams):
            raise AirflowSkipException("somebody else is at it" if streams else "nothing is polled: the system pushes")

    def _tell(self, report: SyncReport) -> None:
        if report.busy:
            self.log.info("stream %s: somebody else is at it", report.stream)
            return
        self.log.info(
            "stream %s: %d read, %d published, %d deleted",
            report.stream,
            report.read,
            report.published,
            report.deleted,
        )


class SyncOperator(HubOperator):
    """Reads what changed in a system since the last time."""

    verb = "sync"

    def work(self, hook: HubHook, context: Context) -> None:
        """Sync every polled stream."""
        with hook.opened() as hub:
            self.each_stream(hub, lambda stream: hub.sync.sync(self.system, stream))


class ReconcileOperator(HubOperator):
    """Reads a system whole, publishes what differs, and finds what is gone."""

    verb = "reconcile"

    def work(self, hook: HubHook, context: Context) -> None:
        """Reconcile every polled stream; many deletes need the approval that a run is started with."""
        approved = bool(context["params"].get(APPROVE_DELETES, False))
        with hook.opened() as hub:
            self.each_stream(hub, lambda stream: hub.sync.reconcile(self.system, stream, approve_deletes=approved))


class WatchOperator(HubOperator):
    """Asks the hub over HTTP how a system is, and fails when it is not well."""

    verb = "watch"

    def work(self, hook: HubHook, context: Context) -> None:
        """Ask once.

        Raises:
            OperatorError: a limit is passed; the text names it and the next step.
        """
        found = complaints(self.system, hook.watch(self.system))
        if found:
            raise OperatorError("; ".join(found))
        self.log.info("system %s is within its limits", self.system)


class JobOperator(BaseOperator, ABC):
    """What tasks share that are about no single system.

    Args:
        config_path: the file that configures the hub.
    """

    verb = ""
    about = ""

    def __init__(self, *, config_path: str, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, **kwargs)
        self.config_path = config_path

    def execute(self, context: Context) -> None:
        """Do the work; see `shielded` for what it raises."""
        shielded(lambda: self.work(context), f"{self.about}, {self.verb}")

    @abstractmethod
    def work(self, context: Context) -> None:
        """Do the work with errors of the hub's own."""


class LearnOperator(JobOperator):
    """Counts the outcomes of decisions into the next snapshot, by which decisions go from then on."""

    verb = "learn"
    about = "decisions"

    def work(self, context: Context) -> None:
        """Count once."""
        self.log.info("decisions go by snapshot %d", HubHook(self.config_path).learn())


class HousekeepingOperator(JobOperator):
    """Takes away what is over."""

    verb = "housekeeping"
    about = "store"

    def work(self, context: Context) -> None:
        """Go through all kinds once.

        Raises:
            AirflowSkipException: somebody else is at it.
        """
        found = HubHook(self.config_path).tidy()
        if found is None:
            raise AirflowSkipException("somebody else is at it")
        for one in found:
            self.log.info("%s: %d taken away", one.what, one.removed)


class RejudgeOperator(JobOperator):
    """Judges all records anew where the matching model or its settings changed."""

    verb = "rejudge"
    about = "identity"

    def work(self, context: Context) -> None:
        """Judge anew, or go on where a run was cut; a large change needs the approval that a run is started with.

        Raises:
            AirflowSkipException: every record was judged by the present model.
        """
        approved = "Airflow" if context["params"].get(APPROVE_REGROUPING, False) else None
        found = HubHook(self.config_path).rejudge(approved)
        if found is None:
            raise AirflowSkipException("every record was judged by the present model")
        self.log.info(
            "model %s: %d records judged, %d of %d customers were to be regrouped",
            found.model,
            found.records,
            found.regroups,
            found.customers,
        )


def _gravest(
    failed: list[TransientError | RefusedError | RecordError],
) -> TransientError | RefusedError | RecordError:
    """What needs a person goes before what passes; of several waits the longest holds."""
    lasting = [error for error in failed if not isinstance(error, TransientError)]
    if lasting:
        return lasting[0]
    return max(
        (error for error in failed if isinstance(error, TransientError)), key=lambda error: error.retry_after or 0.0
    )
