@spec-021 @us4 @p1
Feature: User Story 4 - Real STS Processing: ASR + Translation + TTS Pipeline (Priority: P1)

  The E2E test validates that real STS-service components (Whisper ASR, Translation, Coqui TTS)
  process audio fragments correctly and return dubbed audio with accurate transcripts and
  translations.

  @fr-016 @fr-018 @fr-030 @fr-031 @fr-032 @fr-033
  Scenario: spoken numbers come back as Spanish speech
    Given audio fragment containing English speech "One two three four five six"
    When STS-service processes with source=en, target=es
    Then transcript is accurate
    And translated_text is Spanish equivalent
    And dubbed_audio contains Spanish TTS output

  @fr-033 @sc-003
  Scenario: fragments in sequence come back in sequence
    Given STS-service running in Docker container
    When multiple fragments arrive in sequence
    Then all fragments are processed and returned in order
    And no fragments lost or duplicated

  @contract
  Scenario: the order holds though a later fragment is done before an earlier one
    Given fragments take 3,0 seconds longer, in turns
    When multiple fragments arrive in sequence
    Then a later fragment was done before an earlier one
    And all fragments are processed and returned in order
    And no fragments lost or duplicated

  @fr-036 @sc-005
  Scenario: unequal latency does not reach the output's sync
    Given STS processing latency varies (5-15s)
    When media-service receives dubbed audio
    Then A/V sync mechanism compensates for latency variance
    And output sync remains <120ms

  @sc-003
  Scenario: media-service slows down and waits when STS asks for it
    Given STS-service processing under load
    When backpressure event emitted
    Then media-service respects backpressure and adjusts sending rate

  @contract @fr-038
  Scenario: no more fragments are in flight than were agreed
    Given `sts-service` runs with `MAX_INFLIGHT=2`
    And `e2e-media-service` runs with `SEGMENT_DURATION_S=2`
    And fragments take 5 seconds longer, in turns
    When `7s.mp4` is published over RTMP, and all of it has come out
    Then 2 fragments were in flight at a time, never more, and another waited for its turn
