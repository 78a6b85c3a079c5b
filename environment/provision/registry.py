"""Pulling images, and giving up soon where no registry answers."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
import requests
from docker.auth import resolve_repository_name
from docker.errors import APIError, DockerException, ImageNotFound

from environment.console import Progress, Step
from environment.provision.locks import SETUP_FOLDER

Event = Mapping[str, Any]

FIRST_ANSWER_S = 6.0
SILENCE_S = 120.0
REMEMBERED_S = 600.0

_DONE = object()


class PullFailed(Exception):  # noqa: N818 - handled where the caller has another way
    """An image cannot be pulled; the text is the reason, in one line."""


class RegistrySilent(Exception):  # noqa: N818 - turned into PullFailed where it is remembered
    """A registry gave no answer in time."""


class Registry:
    """Pulls images; a registry that did not answer once is not asked again in this run.

    Silence, which costs seconds, is also remembered for the runs of the next minutes. Who has no
    other way to the image than this one asks `patiently`, and is not held by others' haste.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        *,
        first_answer_s: float = FIRST_ANSWER_S,
        silence_s: float = SILENCE_S,
        memory: Path | None = None,
    ) -> None:
        self._client = client
        self._first_answer_s = first_answer_s
        self._silence_s = silence_s
        self._memory = memory or SETUP_FOLDER / "silent-registries.json"
        self._silent = self._recall()
        self._unreachable: dict[str, str] = {}
        self._lock = threading.Lock()

    def pull(self, reference: str, progress: Progress, *, patiently: bool = False) -> None:
        """Pull `reference`; `patiently` where nothing can take its place.

        Raises:
            PullFailed: the registry does not answer within seconds (minutes, if asked patiently),
                falls silent half-way, or refuses; once it did not answer, at once and for every
                image of that registry.
        """
        registry = str(resolve_repository_name(reference)[0])
        with self._lock:
            given_up = self._unreachable if patiently else {**self._silent, **self._unreachable}
            if registry in given_up:
                raise PullFailed(given_up[registry])
            progress.line(f"...    pull {reference}")
            try:
                self._follow(reference, progress, self._patience_s(patiently))
            except PullFailed as failure:
                progress.line(f"       {reference} cannot be pulled: {failure}")
                if not _is_about_the_image(str(failure)):
                    self._unreachable[registry] = str(failure)
                raise
            except RegistrySilent as failure:
                progress.line(f"       {reference} cannot be pulled: {failure}")
                (self._unreachable if patiently else self._silent)[registry] = str(failure)
                self._remember(registry, str(failure))
                raise PullFailed(str(failure)) from failure

    def _patience_s(self, patiently: bool) -> float:
        return self._silence_s if patiently else self._first_answer_s

    def _recall(self) -> dict[str, str]:
        try:
            if time.time() - self._memory.stat().st_mtime > REMEMBERED_S:
                return {}
            return {str(k): str(v) for k, v in json.loads(self._memory.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _remember(self, registry: str, reason: str) -> None:
        self._memory.parent.mkdir(parents=True, exist_ok=True)
        reason = f"{reason}, a few minutes ago ({self._memory} remembers)"
        self._memory.write_text(json.dumps({**self._recall(), registry: reason}))

    def _follow(self, reference: str, progress: Progress, first_answer_s: float) -> None:
        events: queue.Queue[Any] = queue.Queue()

        def read() -> None:
            try:
                stream: Iterable[Event] = self._client.api.pull(reference, stream=True, decode=True)
                for event in stream:
                    events.put(event)
                events.put(_DONE)
            except (DockerException, requests.RequestException) as error:
                reason = error.explanation if isinstance(error, APIError) else None
                events.put({"error": reason or str(error)})

        # A daemon: an engine that hangs on a silent registry lets go of it in its own time.
        threading.Thread(target=read, name=f"pull {reference}", daemon=True).start()
        try:
            event = _next(events, first_answer_s)
        except queue.Empty:
            raise RegistrySilent(f"no answer within {first_answer_s:g} s") from None
        with progress.step(f"download {reference}") as step:
            while event is not _DONE:
                _show(event, step)
                try:
                    event = _next(events, self._silence_s)
                except queue.Empty:
                    raise PullFailed(f"nothing more for {self._silence_s:g} s") from None


def _next(events: queue.Queue[Any], timeout_s: float) -> Any:
    """The next event of a pull, or `_DONE`; raises queue.Empty, or PullFailed for an error."""
    event = events.get(timeout=timeout_s)
    if event is not _DONE and "error" in event:
        raise PullFailed(_one_line(str(event["error"])))
    return event


def image_id(client: docker.DockerClient, reference: str) -> str | None:
    """The engine's id of an image, or None where it has none of that name."""
    try:
        return client.images.get(reference).id
    except ImageNotFound:
        return None


def _show(event: Event, step: Step) -> None:
    status = str(event.get("status", ""))
    layer = event.get("id")
    if layer is None and status:
        step.note(status)
    else:
        step.detail(f"{layer} {status} {event.get('progress', '')}")


def _is_about_the_image(reason: str) -> bool:
    """Whether the registry did answer, and had no such image or refused this user."""
    hints = ("not found", "manifest", "denied", "unauthorized", "no matching", "toomanyrequests")
    return any(hint in reason.lower() for hint in hints)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
