"""Sabotages of the suite itself: a harness that looks away, keeps nothing, leaves things behind."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    CLEAN_END,
    CLEAN_UP,
    DETECTED,
    DUAL_CLEAN_UP,
    DUAL_FAILS,
    DUAL_US4,
    IN_A_ROW,
    IN_CONTROL,
    KILLED,
    NEVER_HEALTHY,
    OBSTACLES,
    SEGMENTS,
    US2,
    US6,
)

_AGED: Final = """

def _aged(make):
    from dataclasses import replace

    day_s = 86_400
    times = ("published", "active", "ready", "detected", "processing", "publish_ended", "finished")

    def made(*args, **kwargs):
        run = make(*args, **kwargs)
        output = dict(run.report["output"])
        output["last_packet_at"] -= day_s
        return replace(
            run,
            **{f"{name}_at": getattr(run, f"{name}_at") - day_s for name in times},
            output_gone_at=run.output_gone_at - day_s,
            report={**run.report, "output": output},
            events=tuple(replace(e, received_at=e.received_at - day_s) for e in run.events),
        )

    return made
"""

_WATCHDOG: Final = (
    '            [sys.executable, "-m", "environment.stack.reaper", *_to_argv(self.owner)],\n'
)

OF_HARNESS: Final = (
    Mutant(
        name="observer-blind",
        story="the observer misses what media-service acknowledges",
        edits=(
            Edit(
                "environment/runs/observer.py",
                "        self._seen.take(data, time.time())\n",
                '        said = (data.get("sender"), data.get("event"))\n'
                '        if said != ("media", "fragment:ack"):\n'
                "            self._seen.take(data, time.time())\n",
            ),
        ),
        behave=(US2,),
        red=(SEGMENTS,),
    ),
    Mutant(
        name="run-of-yesterday",
        story="the recorded run that is examined was made by an earlier run of the suite",
        edits=(
            Edit(
                "environment/session.py",
                "        return run_pipeline(self, self.clip(self.main_clip), name=",
                "        return _aged(run_pipeline)(self, self.clip(self.main_clip), name=",
            ),
            Edit(
                "environment/session.py",
                "\n\ndef _run_id(settings: Settings) -> str:\n",
                _AGED + "\n\ndef _run_id(settings: Settings) -> str:\n",
            ),
        ),
        behave=(US2,),
        red=(DETECTED,),
    ),
    Mutant(
        name="publisher-left-running",
        story="the end of a scenario does not end its ffmpeg",
        edits=(
            Edit(
                "environment/runs/publisher.py",
                "        self._stopping = True\n        self._program.end()\n",
                "        self._stopping = True\n",
            ),
        ),
        behave=(US6, "--tags=@fr-028"),
        red=(IN_CONTROL, IN_A_ROW),
        errors=(IN_CONTROL,),
    ),
    Mutant(
        name="logs-unsaved",
        story="a failed scenario keeps no container's log",
        edits=(
            Edit(
                "environment/evidence/artifacts.py",
                "    folder.mkdir(parents=True, exist_ok=True)\n    missing: list[str] = []\n",
                "    return []\n",
            ),
        ),
        behave=(CLEAN_UP, "-n", CLEAN_END),
        red=(CLEAN_END,),
    ),
    Mutant(
        name="watchdog-asleep",
        story="the watchdog outlives a run that is killed, and removes nothing",
        edits=(
            Edit(
                "environment/stack/reaper.py",
                _WATCHDOG,
                '            [sys.executable, "-c", "import sys; sys.stdin.read()"],\n',
            ),
        ),
        behave=(CLEAN_UP, "-n", KILLED),
        red=(KILLED,),
        errors=(KILLED,),
        alone=True,
    ),
    Mutant(
        name="container-left-behind",
        story="the end of a run forgets one container",
        edits=(
            Edit(
                "environment/stack/production.py",
                "            for container in self.containers.values():\n"
                "                container.remove()\n",
                "            for container in list(self.containers.values())[1:]:\n"
                "                container.remove()\n",
            ),
            Edit(
                "environment/stack/reaper.py",
                "    for container in api.containers(all=True, filters=wanted):\n",
                "    for container in api.containers(all=True, filters=wanted)[1:]:\n",
            ),
        ),
        behave=(CLEAN_UP, "-n", CLEAN_END),
        red=(CLEAN_END,),
    ),
    Mutant(
        name="project-logs-unsaved",
        story="a failed scenario keeps nothing of what compose prints",
        edits=(
            Edit(
                "environment/session.py",
                "        run.on_failure(lambda: self._save_project_logs(run.artifacts))\n",
                "",
            ),
        ),
        behave=(DUAL_CLEAN_UP, "-n", DUAL_FAILS),
        red=(DUAL_FAILS,),
    ),
    Mutant(
        name="up-for-every-test",
        story="between two tests both projects are brought up again, though all is well",
        edits=(
            Edit(
                "environment/stack/compose.py",
                "            if key in changed or away:\n",
                "            if True:\n",
            ),
        ),
        behave=(DUAL_US4, "-n", IN_A_ROW),
        red=(IN_A_ROW,),
    ),
    Mutant(
        name="health-awaited-for-ever",
        story="who waits for a service's health waits without an end",
        edits=(
            Edit(
                "environment/stack/container.py",
                "timeout_s=self._settings.timeout(timeout_s or self.health_timeout_s)",
                "timeout_s=86_400",
            ),
        ),
        behave=(OBSTACLES, "-n", NEVER_HEALTHY),
        red=(NEVER_HEALTHY,),
        errors=(NEVER_HEALTHY,),
    ),
)
"""What is wrong with the harness; no product is touched."""
