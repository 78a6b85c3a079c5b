@spec-019 @dual-compose @us3 @p1
Feature: User Story 3 - Real STS Processing: ASR → Translation → TTS Pipeline (Priority: P1)

  The E2E test validates that real STS service components (ASR with Whisper, Translation, TTS with
  Coqui) process audio fragments correctly and return dubbed audio with accurate transcripts and
  translations.

  @fr-011 @fr-013 @fr-019 @fr-020 @fr-021
  Scenario: two words come back as Spanish speech
    Given audio fragment containing English speech "Hello world"
    When STS service processes it with source=en, target=es
    Then transcript is "Hello world" (or close variant)
    And translated_text is "Hola mundo" (or equivalent)
    And dubbed_audio contains Spanish TTS output

  @fr-011 @fr-019
  Scenario: noise does not keep speech from being heard
    Given audio fragment with background noise and speech
    When STS service processes it
    Then ASR extracts speech successfully
    And dubbed audio is returned without errors

  @fr-011
  Scenario: silence stays silent
    Given audio fragment with no speech (silence)
    When STS service processes it
    Then ASR returns empty or near-empty transcript
    And TTS returns minimal audio
    And no errors raised

  @fr-022 @sc-002
  Scenario: fragments at work side by side come back in order
    Given STS service processing multiple fragments concurrently
    When fragments arrive in sequence
    Then all fragments are processed and returned in order
    And no fragments lost or duplicated
