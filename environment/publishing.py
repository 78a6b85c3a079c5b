"""The fixture `publish_rtmp_stream`: a clip that is on the air while a test has control."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from environment.runs.publisher import Publication
from environment.session import MAIN_CLIP
from environment.vocabulary import Context, fixture

STREAM: Final = "live/test/in"
_ACTIVE_TIMEOUT_S: Final = 10.0


@fixture
def publish_rtmp_stream(
    context: Context, clip: str = MAIN_CLIP, said: str = STREAM
) -> Iterator[Publication]:
    """Publish a clip with ffmpeg under the scenario's own name for ``said``; end it afterwards.

    Set up by `use_fixture`, or for a whole scenario by the tag ``@fixture.publish_rtmp_stream``.
    Yields once the media server has the stream; the teardown ends ffmpeg, whatever became of the
    test (FR-027 to FR-029). Raises ``ClipMissing``, before anything is started, where there is no
    such clip.
    """
    publication = context.run.publish(context.session.clip(clip), said)
    try:
        publication.wait_active(context.session.settings.timeout(_ACTIVE_TIMEOUT_S))
        yield publication
    finally:
        publication.stop()


FIXTURES: Final[Mapping[str, Callable[..., Iterator[Any]]]] = {
    "fixture.publish_rtmp_stream": publish_rtmp_stream,
    # Specification 019's name: there it publishes over RTSP.
    "fixture.publish_test_stream": publish_rtmp_stream,
}
"""The fixtures that a scenario can ask for by a tag of that name."""
