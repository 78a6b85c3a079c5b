@contract @engines
Feature: The engines at work are those that are named, and they keep their contract

  Names prove nothing. So the libraries and models that `/health` names are asked by themselves, in a
  container without sts-service: what they hear, translate and say must be what came back.

  Silence, noise, a tenth of a second, half a minute, stereo at 44.1 kHz, clipping, empty and endless
  texts: whatever an engine is given, it answers, or fails in the way that the interface has for it.

  @fr-016 @fr-018 @fr-032
  Scenario: the named engines, asked by themselves, give the same
    Given the 5 fragments of `30s-english-sentences.mp4`
    When STS-service processes with source=en, target=es
    And the engines that it names are asked without it
    Then they hear the same words
    And they translate them in the same way
    And they say the translations in the same voice

  @slow
  Scenario Outline: every engine keeps the contract of its interface
    When the contract tests run against the engines of the profile <profile>
    Then all of them passed, and none was left out

    Examples: profiles with models of their own
      | profile  |
      | pocket   |
      | embedded |
