@contract @evidence @p3
Feature: A run tells what happened when

  # The recorded run of the second story.
  @fr-043
  Scenario: the key events of a run are in its log, with their times
    Given the whole clip was dubbed and recorded
    When this run's log is read
    Then it has the start of each container, before any of its streams
    And it has the publication of the clip, from its start to its end
    And it has each segment cut, sent, processed and released, when the observer saw it
