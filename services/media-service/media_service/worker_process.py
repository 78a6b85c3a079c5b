"""A worker process as the supervisor sees it: started, spoken to, watched and ended."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from media_service.logs import get_logger
from media_service.protocol import Command, Message, ProtocolError, encode, receive_message

HEARTBEAT_TIMEOUT_S = 5.0
"""Ten heartbeats: a process that has been silent for this long is frozen."""
EXIT_TIMEOUT_S = 3.0
SEND_TIMEOUT_S = 5.0
_READ_BYTES = 1 << 20
_NOT_FOR_WORKERS = frozenset({"STS_API_KEY"})
_log = get_logger()
_PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent)


class WorkerFrozenError(Exception):
    """The worker has not been heard of for ``HEARTBEAT_TIMEOUT_S``."""


class WorkerProcess:
    """One child process; ``spawn`` makes it, ``close`` ends it whatever its state."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._sending = asyncio.Lock()

    @classmethod
    async def spawn(cls) -> WorkerProcess:
        """Start a process that waits for its stream."""
        paths = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "media_service.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_READ_BYTES,
            env={
                **{
                    name: value
                    for name, value in os.environ.items()
                    if name not in _NOT_FOR_WORKERS
                },
                "PYTHONPATH": os.pathsep.join(paths),
            },
            # Of its own session, so that an interrupt at the terminal reaches the supervisor alone.
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code; negative for a signal, None while it runs."""
        return self._process.returncode

    async def send(self, command: Command) -> None:
        """Send a command; a process that is gone or takes nothing is told nothing."""
        stdin = self._process.stdin
        if stdin is None or stdin.is_closing():
            return
        try:
            async with self._sending, asyncio.timeout(SEND_TIMEOUT_S):
                stdin.write(encode(command))
                await stdin.drain()
        except (ConnectionError, TimeoutError):
            # Its end, or its silence, is seen by whoever receives.
            return

    async def receive(self) -> Message | None:
        """Return the next message; None when the process has ended.

        Raises ``WorkerFrozenError`` after ``HEARTBEAT_TIMEOUT_S`` of silence.
        """
        stdout = self._process.stdout
        if stdout is None:
            return None
        try:
            async with asyncio.timeout(HEARTBEAT_TIMEOUT_S):
                return await receive_message(stdout)
        except TimeoutError:
            raise WorkerFrozenError from None
        except ProtocolError as error:
            # A frame is cut off when its writer is killed.
            _log.warning("worker_frame_broken", pid=self.pid, error=str(error))
            return None

    async def close(self) -> int:
        """See the process out, killing it where it does not go; return its exit code."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                return await self._drained()
        except TimeoutError:
            self.kill()
            return await self._drained()

    async def _drained(self) -> int:
        # Unread output would keep the pipe, and with it the process's end, from being seen.
        stdout = self._process.stdout
        while stdout is not None and await stdout.read(_READ_BYTES):
            continue
        return await self._process.wait()

    def kill(self) -> None:
        """Kill the process, if it still runs."""
        if self._process.returncode is None:
            self._process.kill()


class WorkerPool:
    """Keeps one warm process waiting: starting Python and FFmpeg costs most of a second."""

    def __init__(self) -> None:
        self._spare: asyncio.Task[WorkerProcess] | None = None

    def warm_up(self) -> None:
        """Have a spare process started."""
        if self._spare is None:
            self._spare = asyncio.create_task(WorkerProcess.spawn())

    async def take(self) -> WorkerProcess:
        """Return a process, the spare one where it is alive, and start the next spare.

        Raises ``OSError`` when none can be started.
        """
        worker = await self._take_spare()
        if worker is None or worker.exit_code is not None:
            worker = await WorkerProcess.spawn()
        self.warm_up()
        return worker

    async def _take_spare(self) -> WorkerProcess | None:
        spare, self._spare = self._spare, None
        try:
            return None if spare is None else await spare
        except OSError as error:
            _log.error("worker_not_started", error=str(error))
            return None

    async def close(self) -> None:
        """End the spare process."""
        worker = await self._take_spare()
        if worker is not None:
            worker.kill()
            await worker.close()
