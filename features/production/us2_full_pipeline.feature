@spec-021 @us2 @p1
Feature: User Story 2 - Full Pipeline E2E: RTMP Input to Dubbed Output (Priority: P1)

  An E2E test validates the complete dubbing pipeline with real services: test fixture published
  to MediaMTX, media-service ingests RTMP, segments sent to real STS service, ASR + Translation +
  TTS processing, dubbed audio returns, A/V remux, RTMP output stream.

  # The six scenarios look at six stages of one recorded run of the 30 s clip.

  @fr-015 @fr-025 @fr-027 @fr-029
  Scenario: a published stream is detected and processed
    Given both containers running with MediaMTX accessible
    When test fixture (30s English video) is published to `rtmp://localhost:1935/live/test/in`
    Then media-service detects stream and starts processing within 5 seconds

  @fr-011 @fr-013 @fr-015
  Scenario: six seconds of audio make a segment for STS
    Given media-service processing stream
    When 6 seconds of audio accumulated
    Then segment is sent to STS-service container via Socket.IO at `http://sts-service:3000`

  @fr-016 @fr-018 @sc-003
  Scenario: each fragment comes back as Spanish speech
    Given STS-service receives audio fragment
    When ASR + Translation + TTS pipeline completes
    Then dubbed audio (Spanish) returns via `fragment:processed` event within 15 seconds

  @fr-015 @fr-036 @sc-005
  Scenario: dubbed sound and untouched picture stay together
    Given dubbed audio received
    When media-service remuxes A/V segments
    Then sync delta is less than 120ms and output publishes to RTMP

  @fr-015 @fr-016 @fr-018 @fr-019 @fr-037 @fr-044 @sc-001 @sc-003
  Scenario: the whole clip comes out, segment by segment
    Given full 30-second stream processed
    When all segments complete
    Then 5 segments were processed
    And output duration matches input (+/- 500ms)
    And real transcripts logged

  @fr-017 @fr-034 @fr-035 @sc-004
  Scenario: the output plays and is dubbed
    Given output stream available
    When ffprobe inspects `rtmp://localhost:1935/live/test/out`
    Then stream is playable with H.264 video and dubbed AAC audio
