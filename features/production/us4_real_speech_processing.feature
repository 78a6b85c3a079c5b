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
