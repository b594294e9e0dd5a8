"""Jobs as data: what is planned, and what is kept while it runs and afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulator.siterecovery import names

OWN_NAME = "{job}"
"""Stands in a plan's subject for the name that the job will have."""
RUNNING = {"NotStarted", "InProgress", "Cancelling"}


@dataclass(frozen=True)
class Group:
    """How a group task of a recovery plan is shown: ``taskType``, ``rpGroupType``, and the group inside it, if any."""

    task_type: str
    group_type: str
    inner: tuple[str, str] | None = None
    """``groupId`` and ``friendlyName`` of the one group between the task and its machines."""


@dataclass(frozen=True)
class Task:
    """One task of a job to be: its id, its name on the screen, and its steps of seconds and effect."""

    id: str
    friendly_name: str
    steps: tuple[tuple[float, str | None], ...]
    skipped: bool = False
    name: str = ""
    """What Azure shows as the task's ``name`` where that is not its id."""
    group: Group | None = None
    """Set for a task of a recovery plan that stands for the jobs of its machines."""
    description: str = ""
    """What Azure says of the task once it Succeeded, where that is not what it always says."""


@dataclass(frozen=True)
class Plan:
    """A job to be started.

    ``subject`` is the ARM id whose ``operationresults`` the Location points at. ``locks`` are the ids that no other
    job may work on meanwhile. ``on_success`` and ``on_failure`` name effects (a cancel counts as failure).
    """

    scenario: str
    friendly_name: str
    subject: str
    target: tuple[str, str, str]
    """``targetObjectId``, ``targetObjectName`` and ``targetInstanceType``."""
    tasks: tuple[Task, ...]
    on_success: str | None = None
    on_failure: str | None = None
    locks: tuple[str, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=lambda: {"instanceType": "AsrJobDetails"})
    cancellable: bool = False


@dataclass
class Job:
    """A job as it is kept. ``tasks`` hold the JSON that Azure shows, with ``steps`` and ``skipped`` beside it."""

    name: str
    vault: str
    scenario: str
    friendly_name: str
    subject: str
    target: list[str]
    tasks: list[dict[str, Any]]
    activity: str
    client_request: str
    start: str
    state: str = "InProgress"
    description: str = ""
    """What Azure says of the job once it Succeeded, where that is not what it always says."""
    end: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    args: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    affected: dict[str, Any] = field(default_factory=dict)
    locks: list[str] = field(default_factory=list)
    on_success: str | None = None
    on_failure: str | None = None
    cancellable: bool = False
    fault: dict[str, str] | None = None
    position: list[int] = field(default_factory=lambda: [0, -1])
    event: int = 0
    cancelled: bool = False

    @property
    def id(self) -> str:
        """The ARM id, which the 202 carries as ``x-ms-request-id``."""
        return names.job_id(self.vault, self.name)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.state in RUNNING

    @property
    def task(self) -> dict[str, Any]:
        """The task that runs, or ran last."""
        return self.tasks[self.position[0]]

    def task_called(self, task_id: str) -> dict[str, Any]:
        """The task with that id."""
        return next(task for task in self.tasks if task["taskId"] == task_id)

    def skip(self, task_id: str) -> None:
        """Let a later task not run."""
        self.task_called(task_id)["skipped"] = True
