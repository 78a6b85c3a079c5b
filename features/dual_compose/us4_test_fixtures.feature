@spec-019 @dual-compose @us4 @p2
Feature: User Story 4 - Test Fixture Management: Deterministic Input Assets (Priority: P2)

  The test infrastructure provides deterministic test fixtures (pre-recorded videos with known
  properties) that are published to MediaMTX via ffmpeg or GStreamer scripts controlled by pytest
  fixtures.

  @fr-015 @fr-016 @fr-017
  Scenario: the speaking clip is on the air at once, as what it is
    Given test fixture `30s-english-speech.mp4` (H.264 video, AAC audio, 30s duration)
    When ffmpeg publishes to `rtsp://localhost:8554/live/test/in`
    Then MediaMTX reports stream active within 2 seconds

  @fr-017 @fr-018
  Scenario: the fixture publishes while a test has control
    Given pytest fixture `publish_test_stream()`
    When fixture is invoked
    Then ffmpeg process starts
    And stream publishes
    And fixture yields control to test
    And and cleans up ffmpeg on teardown

  # The tests are those of a nested run; one of them fails while its stream is on the air.
  @fr-018 @fr-031 @fr-031a
  Scenario: tests in a row leave each other nothing, though one of them fails
    Given multiple tests using same fixture
    When tests run sequentially
    Then fixture cleanup ensures no stream conflicts
    And each test gets fresh stream

  # The recorded run of the first story.
  @fr-016a @fr-019 @fr-024
  Scenario: the words that were known before are the words that were heard
    Given test fixture with known speech content
    When E2E test completes
    Then output transcript matches expected text (allowing for ASR variance)
    And validating end-to-end correctness
