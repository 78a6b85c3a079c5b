@spec-021 @edge-case @p2
Feature: Edge cases of specification 021: streams without STS, without time, without sound

  Each question of the specification is a scenario's name, and its answer the scenario's description.
  What an answer says of the test itself is seen in another run of the suite, started beside this one.

  # The one scenario that waits out the real 2 to 32 seconds.
  @slow @fr-044 @fr-045 @sc-006
  Scenario: What happens when STS-service container is not reachable (stopped or network issue)?
    media-service retries Socket.IO connection 5 times with exponential backoff (2s, 4s, 8s, 16s,
    32s), uses fallback audio for in-flight fragments, E2E test logs warning but passes if output
    stream is complete.

    Given fragments take 0,20,20,20,20,20,20,20 seconds longer, in turns
    And all containers running and pipeline processing
    And a fragment is with STS-service
    And whoever asks for STS-service while it is away is turned away, and noted
    When STS-service container is stopped
    Then media-service detects disconnect
    And media-service retries after 2, 4, 8, 16 and 32 seconds, and not again so soon
    And nobody asked for it but at those times
    And uses fallback audio
    And the fragment that was in flight went out with its original audio, and did not wait
    When another run of the suite sees the like, with shorter waits: @sts-away
    Then that run has passed, and its summary warns: went out with their original audio

  @fr-045
  Scenario: What happens when test fixture has no audio track?
    media-service logs error "audio track required for dubbing" and exits, E2E test fails with
    assertion on error log.

    Given both containers running with MediaMTX accessible
    When a clip without an audio track is published
    Then media-service logs error "audio track required for dubbing" and its worker exits
    When another run of the suite sees the like, with shorter waits: @mute
    Then that run has failed on the error in the log: audio track required for dubbing

  @slow @fr-044
  Scenario: What happens when STS processing is very slow (>30s per fragment)?
    Fragment timeout (30s) triggers, media-service uses passthrough audio (original segment) and
    continues, E2E test logs warning but passes (validates graceful degradation).

    Given fragments take 0,33,0,0,0,0,0,0,0,0,0,0 seconds longer, in turns
    And all containers running and pipeline processing
    Then segment 1 goes out with its original audio 30 seconds after it was cut
    And the result of segment 1, which comes too late, is dropped and counted
    And the output stream is complete, which is worth a warning and no failure
    When another run of the suite sees the like, with shorter waits: @sts-slow
    Then that run has passed, and its summary warns: timeout

  @fr-024 @sc-006
  Scenario: What happens when MediaMTX container stops mid-stream?
    media-service detects stream end, completes in-flight fragments, publishes final output, E2E
    test validates partial output is correct.

    Given all containers running and pipeline processing
    When `e2e-mediamtx` gets stopped
    Then media-service says within 10 seconds that its source is gone
    And every fragment that it had sent is answered
    When `e2e-mediamtx` comes back
    Then media-service publishes what it had in hand, and finishes the stream
    And the partial output has all that was published, in its place
