@spec-019 @dual-compose @edge-case @p2
Feature: Edge cases of specification 019

  Each question of the specification is a scenario's name, and its answer the scenario's description.
  What an answer says of the test itself is seen in another run of the suite, started beside this one.

  @slow @fr-002
  Scenario: What happens when STS service is not reachable (port not exposed or service down)?
    Media-service retries 3 times with exponential backoff, then fails gracefully, E2E test fails with
    clear error message.

    Given all containers running and pipeline processing
    When STS-service container is stopped
    Then media-service detects disconnect
    And media-service retries after 2, 4 and 8 seconds, and then fails that stream and no more
    When another run of the suite sees the like, with shorter waits: @sts-gone
    Then that run has failed on the error in the log: STS is unavailable

  @fr-010
  Scenario: What happens when test fixture has no audio track?
    WorkerRunner logs error "audio track required for dubbing" and exits, E2E test fails with
    assertion on error log.

    Given both containers running with MediaMTX accessible
    When a clip without an audio track is published
    Then media-service logs error "audio track required for dubbing" and its worker exits
    When another run of the suite sees the like, with shorter waits: @mute
    Then that run has failed on the error in the log: audio track required for dubbing

  @slow
  Scenario: What happens when STS service processing is very slow (>30s per fragment)?
    Fragment timeout (default 30s) triggers, media-service uses passthrough audio (original
    segment) and continues pipeline, E2E test logs warning but passes if output stream is complete
    (validates graceful degradation per Constitution Principle V).

    Given fragments take 0,33,0,0,0,0,0,0,0,0,0,0 seconds longer, in turns
    And all containers running and pipeline processing
    Then segment 1 goes out with its original audio 30 seconds after it was cut
    And the result of segment 1, which comes too late, is dropped and counted
    And the output stream is complete, which is worth a warning and no failure
    When another run of the suite sees the like, with shorter waits: @sts-slow
    Then that run has passed, and its summary warns: timeout

  @fr-012 @fr-017
  Scenario: What happens when MediaMTX RTSP stream disconnects mid-test?
    WorkerRunner detects stream end, completes in-flight fragments, publishes final output, E2E test
    validates partial output is still correct.

    Given another stream is being dubbed
    When a publisher at `live/cut/in` is killed after 14 seconds
    Then that stream is finished with what was there: 14 seconds, within 1 second
    And the other stream is dubbed to its end, undisturbed

  @fr-008 @fr-032
  Scenario: What happens when docker-compose fails to start (port conflict)?
    Pytest fixture detects startup failure (health check timeout), skips test with clear message
    about port conflict.

    Given another run of the suite, with projects of its own on a port that is taken
    When that run ends by itself
    Then its test is skipped, and its summary says which port is taken, and by whom
    And nothing of it is left: no container, no network, no volume

  @fr-012
  Scenario: What happens when output RTMP publish fails (MediaMTX egress disabled)?
    WorkerRunner logs error and exits, E2E test fails with assertion on error log and missing output
    stream.

    Given media-service is told to publish where nobody listens
    When a clip is published that it takes in
    Then that stream has failed for want of an output, and there is no output stream
    When another run of the suite sees the like, with shorter waits: @no-output
    Then that run has failed on the error in the log: cannot publish to
    And that run has failed on the missing output stream as well

  @fr-005 @sc-008
  Scenario: What happens when both docker-compose files use same network name?
    Docker merges networks, services can communicate via container names directly (fallback to
    service discovery), tests still pass.

    Given another pair of projects, both told the same network name
    When a clip is published to that pair
    Then one network has the containers of both, and media-service knows `sts-service` by name
    And the clip is dubbed to its end there

  @fr-015
  Scenario: What happens when test fixture file is missing?
    Pytest fixture fails during setup with FileNotFoundError, test is skipped with clear error
    message.

    Given another run of the suite asks `publish_rtmp_stream` for a clip that is missing
    When that run ends by itself
    Then its fixture failed during setup with FileNotFoundError
    And its scenario was skipped, and its summary says which file is missing
