@contract @clean-up
Feature: A run takes everything away that it brought, however it ends

  Each scenario starts another run of the suite beside this one, with names and ports of its own,
  and looks for what it leaves behind: containers, networks and volumes on the engine, processes and
  ports on the host.

  @p1 @fr-003 @fr-010 @fr-020 @fr-022 @fr-042 @fr-045 @sc-008
  Scenario: a run whose scenario fails
    Given another run of the suite has its containers up, in a scenario that fails
    When that run ends by itself
    Then it has failed, and said where the evidence lies
    And it has said what was expected, what was seen, and what to try
    And nothing of it is left: no container, no network, no volume

  @p1 @fr-021 @fr-043
  Scenario: no test begins before everything is healthy
    Given another run of the suite has its containers up, in a scenario that airs
    When its stream is on the air
    Then its log has the time of every start, every container healthy before the first stream

  @fr-010 @fr-020
  Scenario: a run that is told to stop
    Given another run of the suite has its containers up, in a scenario that lasts
    When that run is sent SIGTERM
    Then it has failed, and said where the evidence lies
    And nothing of it is left: no container, no network, no volume

  @fr-010 @fr-020
  Scenario: a run that is killed
    Given another run of the suite has its containers up, in a scenario that lasts
    When that run is sent SIGKILL
    Then within 30 seconds nothing of it is left: no container, no network, no volume

  # Anywhere between the first import and the last clean-up: run.log names the seed.
  @fr-010 @fr-020 @fr-028
  Scenario Outline: a run that <signal> reaches at a random moment of its life
    Given another run of the suite is started, in a scenario that airs
    When <signal> reaches it at a random moment of its first <life> seconds
    Then within 30 seconds nothing of it is left: no container, no network, no volume

    Examples: signals
      | signal  | life |
      | SIGINT  | 15   |
      | SIGTERM | 15   |
      | SIGKILL | 15   |

  # A power cut: nobody is left to clear up after it.
  @fr-010 @fr-020 @fr-028
  Scenario: a run that is killed at a random moment, and its watchdog with it
    Given another run of the suite is started, in a scenario that airs
    When that run and its watchdog are killed at a random moment of 8 seconds from its first container on
    Then something of it is left
    When the suite is started again
    Then nothing of it is left: no container, no network, no volume
