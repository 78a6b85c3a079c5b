@spec-019 @dual-compose @us1 @p1
Feature: User Story 1 - Full Pipeline E2E: Media Publish → STS Processing → Dubbed Output (Priority: P1)

  An E2E test that validates the complete dubbing pipeline with real services: test fixture
  published to MediaMTX → WorkerRunner ingests RTSP → segments sent to real STS service → ASR +
  Translation + TTS processing → dubbed audio returns → A/V sync and remux → new RTMP stream output.

  # The six scenarios look at six stages of one recorded run of the 30 s clip.

  @fr-001 @fr-003 @fr-004 @fr-010 @fr-015 @fr-016 @fr-017
  Scenario: a published stream is ingested
    Given both docker-compose environments running (media-service + sts-service)
    When test fixture (30s English video) is published to `rtsp://localhost:8554/live/test/in`
    Then WorkerRunner connects and starts ingesting within 5 seconds

  @fr-002 @fr-005 @fr-010
  Scenario: six seconds of audio make a segment for STS
    Given WorkerRunner ingesting RTSP stream
    When 6 seconds of audio accumulated
    Then segment is sent to real STS service via Socket.IO at `http://localhost:3000`

  @fr-011 @fr-013 @fr-021 @fr-022 @sc-002
  Scenario: each fragment comes back as Spanish speech
    Given real STS service receives audio fragment
    When ASR + Translation + TTS pipeline completes
    Then dubbed audio (Spanish) returns via `fragment:processed` event within 15 seconds (real processing time)

  @fr-010 @fr-025 @sc-004
  Scenario: dubbed sound and untouched picture stay together
    Given dubbed audio received
    When video and audio segments are paired by A/V sync
    Then sync delta is less than 120ms and output is remuxed

  @fr-010 @fr-012
  Scenario: the output is there as soon as the first segment is
    Given remuxed segment ready
    When output pipeline publishes to RTMP
    Then output stream is available at `rtmp://localhost:1935/live/test/out` within 1 second

  @fr-013 @fr-014 @fr-016a @fr-019 @fr-020 @fr-026 @sc-001 @sc-002
  Scenario: the whole clip comes out, segment by segment
    Given full 30-second stream processed
    When all segments complete
    Then 5 segments were processed
    And RTMP output duration matches input duration (+/- 500ms)
    And real transcripts and translations are recorded in logs
