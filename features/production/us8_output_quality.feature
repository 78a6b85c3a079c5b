@spec-021 @us8 @p2
Feature: User Story 8 - Output Validation: Playable Dubbed Stream Quality (Priority: P2)

  The E2E test validates that the output RTMP stream contains dubbed audio correctly synchronized
  with video, is playable via standard tools, and meets quality thresholds.

  # All of it is about the recorded run of the second story: its stream while it was live, its
  # events, and the file that the media server recorded. The player is headless Chromium.

  @fr-034 @fr-037 @sc-004
  Scenario: ffprobe finds the right codecs, and as much of them as went in
    Given full pipeline completed
    When ffprobe inspects output stream `rtmp://localhost:1935/live/test/out`
    Then stream has H.264 video and AAC audio
    And duration is 30s (+/- 500ms)

  @fr-033 @fr-035
  Scenario: every segment came back with a dub
    Given output stream active
    When Socket.IO events monitored
    Then all segments received `fragment:processed` with dubbed_audio field populated

  @fr-035 @sc-004
  Scenario: what is heard is not the original
    Given output audio extracted
    When spectral fingerprint computed and compared to original
    Then audio differs significantly (confirming dubbing occurred, not passthrough)

  @fr-036 @sc-005
  Scenario: the recording plays from its beginning to its end
    Given output stream recorded to file
    When video player opens file
    Then video plays smoothly
    And dubbed audio is audible and synchronized
    And no corruption artifacts
