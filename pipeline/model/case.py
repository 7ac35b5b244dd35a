"""One asset on its way from stage to stage."""

from __future__ import annotations

from msgspec import Struct

from pipeline.model.facts import Kind, MediaInfo
from pipeline.model.job import Job
from pipeline.model.results import Finding, Plan, Problem, Report, Status
from pipeline.model.rules import Role


class Case(Struct, frozen=True, kw_only=True):
    """What is asked of one asset, what is known of it, what its rules say and what would be done.

    Made once, by `pipeline.stages.check`; no later stage looks the role up, judges the source or plans again.
    """

    job: Job
    role: Role | None = None  # None: no role takes such a file, or what went wrong came before
    facts: MediaInfo | None = None
    findings: tuple[Finding, ...] = ()
    plan: Plan = Plan()
    error: Problem | None = None
    seconds: float = 0.0  # that it took to get here

    @property
    def kind(self) -> Kind:
        """What the file is by content."""
        return self.facts.kind if self.facts else Kind.UNKNOWN

    @property
    def status(self) -> Status:
        """Where the asset stands before anything is done."""
        if self.error:
            return Status.ERROR
        if self.plan.blocked:
            return Status.BLOCKED
        return Status.FIXABLE if any(finding.blocks for finding in self.findings) else Status.PASS

    @property
    def report(self) -> Report:
        """What is told of it: the name of its role, or of the one asked for that does not take such a file."""
        return Report(
            source=self.job.path,
            kind=self.kind,
            role=self.role.name if self.role else self.job.role if self.findings else None,
            status=self.status,
            facts=self.facts,
            findings=self.findings,
            error=self.error,
        )
