"""The harness's errors: each names its cause in one line and the remedy behind it."""

# ruff: noqa: N818 - these names say what happened, as `PortTaken` does; a suffix adds nothing

from __future__ import annotations


class HarnessError(Exception):
    """Something the suite needs cannot be had; `str()` is the cause and, behind it, the remedy."""

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} Remedy: {self.remedy}" if self.remedy else self.message


class SettingsInvalid(HarnessError):
    """An environment variable holds a value that cannot be used."""


class EngineUnavailable(HarnessError):
    """No Docker engine answers, and none can be installed or started here."""


class ToolUnavailable(HarnessError):
    """A program the suite runs on the host (ffmpeg, ffprobe) is missing."""


class ImageUnavailable(HarnessError):
    """An image can neither be found, nor pulled, nor built."""


class PortTaken(HarnessError):
    """A host port the stack publishes is held by someone else."""

    def __init__(self, message: str, *, port: int, holder: str, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.port = port
        self.holder = holder


class SamePortTwice(PortTaken):
    """Two published ports of one run have the same host port: a test that needs both is skipped."""


class ProjectPortTaken(PortTaken):
    """A host port of a compose project is taken: by specification 019 its tests are skipped."""


class NameTaken(HarnessError):
    """A container, network or volume of that name belongs to someone who still needs it."""


class NetworkUnusable(HarnessError):
    """The network that was given cannot carry the system."""


class ContainerFailed(HarnessError):
    """A container cannot be created, started, or is not in the state the call needs."""


class NotHealthy(HarnessError):
    """A container died, or did not become healthy in its time."""


class WaitTimeout(HarnessError):
    """A condition did not come true before its deadline.

    `last_seen` is what the last probe saw; `evidence` is what was gathered at the deadline,
    such as a container's status and the end of its log.
    """

    def __init__(
        self,
        what: str,
        *,
        timeout_s: float,
        last_seen: str,
        evidence: str = "",
        remedy: str | None = None,
    ) -> None:
        message = f"Waited {timeout_s:g} s for {what}; last seen: {last_seen}."
        if evidence:
            message = f"{message}\n{evidence}"
        super().__init__(message, remedy=remedy)
        self.what = what
        self.timeout_s = timeout_s
        self.last_seen = last_seen
        self.evidence = evidence
