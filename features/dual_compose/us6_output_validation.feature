@spec-019 @dual-compose @us6 @p2
Feature: User Story 6 - Output Stream Validation: Playable Dubbed Stream (Priority: P2)

  The E2E test validates that the output RTMP stream contains the dubbed audio correctly
  synchronized with video, and is playable via standard media players or ffprobe analysis.

  # All of it is about the recorded run of the first story.

  @fr-012 @fr-023 @sc-003
  Scenario: ffprobe finds two streams of the right codecs
    Given full pipeline completed
    When ffprobe inspects output stream `rtmp://localhost:1935/live/test/out`
    Then stream reports 2 streams (video + audio)
    And video codec is H.264
    And audio codec is AAC

  @fr-023 @fr-026
  Scenario: as much comes out as went in
    Given output stream active
    When ffprobe extracts duration
    Then duration is 30 seconds (+/- 500ms tolerance for segment boundaries)

  # media-service names TARGET_LANGUAGE in the output; features/production/language.feature changes it.
  @fr-023 @sc-003
  Scenario: the output names the language that it is dubbed into
    Given output stream active
    When ffprobe extracts audio language metadata
    Then metadata shows target language (es for Spanish)

  @fr-012 @fr-024 @fr-025 @sc-003 @sc-004
  Scenario: the recording plays from its beginning to its end
    Given output stream recorded to file
    When video player opens file
    Then video plays smoothly
    And dubbed audio is audible and synchronized with video
    And no corruption or artifacts
