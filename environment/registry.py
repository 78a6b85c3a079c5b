"""Pulling images, and giving up soon where no registry answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import docker
import requests
from docker.auth import resolve_repository_name
from docker.errors import APIError, DockerException, ImageNotFound

from environment.console import Progress, Step

Event = Mapping[str, Any]

FIRST_ANSWER_S = 6.0
SILENCE_S = 120.0

_DONE = object()


class PullFailed(Exception):  # noqa: N818 - handled where the caller has another way
    """An image cannot be pulled; the text is the reason, in one line."""


class Registry:
    """Pulls images; a registry that did not answer once is not asked again in this run."""

    def __init__(
        self,
        client: docker.DockerClient,
        *,
        first_answer_s: float = FIRST_ANSWER_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._client = client
        self._first_answer_s = first_answer_s
        self._silence_s = silence_s
        self._silent: dict[str, str] = {}
        self._lock = threading.Lock()

    def has_locally(self, reference: str) -> bool:
        """Whether the engine holds `reference` already."""
        return image_id(self._client, reference) is not None

    def pull(self, reference: str, progress: Progress) -> None:
        """Pull `reference`.

        Raises:
            PullFailed: the registry does not answer within seconds, falls silent half-way, or
                refuses; once it did not answer, at once and for every image of that registry.
        """
        registry = str(resolve_repository_name(reference)[0])
        with self._lock:
            if registry in self._silent:
                raise PullFailed(self._silent[registry])
            progress.line(f"...    pull {reference}")
            try:
                self._follow(reference, progress)
            except PullFailed as failure:
                progress.line(f"       {reference} cannot be pulled: {failure}")
                if not _is_about_the_image(str(failure)):
                    self._silent[registry] = str(failure)
                raise

    def _follow(self, reference: str, progress: Progress) -> None:
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
        event = self._next(events, self._first_answer_s, "no answer")
        with progress.step(f"download {reference}") as step:
            while event is not _DONE:
                _show(event, step)
                event = self._next(events, self._silence_s, "it fell silent half-way")

    def _next(self, events: queue.Queue[Any], timeout_s: float, complaint: str) -> Any:
        try:
            event = events.get(timeout=timeout_s)
        except queue.Empty:
            raise PullFailed(f"{complaint} within {timeout_s:g} s") from None
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
