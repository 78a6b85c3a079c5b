@spec-021 @us6 @p2
Feature: User Story 6 - Test Fixture Management: Deterministic RTMP Publishing (Priority: P2)

  The test infrastructure provides deterministic test fixtures (pre-recorded videos with known
  properties) that are published to MediaMTX via ffmpeg, controlled by pytest fixtures with proper
  cleanup.

  @fr-025 @fr-026 @fr-027 @fr-029
  Scenario: the counting clip is on the air at once, as what it is
    Given test fixture `30s-english-counting.mp4` (H.264 video, AAC audio, 30s duration with counting phrases)
    When ffmpeg publishes to `rtmp://localhost:1935/live/test/in`
    Then MediaMTX reports stream active within 2 seconds

  @fr-027 @fr-028
  Scenario: the fixture publishes while a test has control
    Given pytest fixture `publish_rtmp_stream()`
    When fixture is invoked
    Then ffmpeg process starts
    And stream publishes
    And fixture yields control to test, and kills ffmpeg on teardown

  # The recorded run of the second story.
  @fr-025 @fr-026 @fr-030
  Scenario: the words that were known before are the words that were heard
    Given test fixture with known speech content (counting "One, two, three...")
    When E2E test completes
    Then output transcript matches expected text (allowing for ASR variance)

  # The tests are those of a nested run; one of them fails while its stream is on the air.
  @fr-028 @fr-029
  Scenario: tests in a row leave each other nothing, though one of them fails
    Given multiple tests using fixtures
    When tests run sequentially
    Then fixture cleanup ensures no stream conflicts
    And each test gets fresh stream with unique name
