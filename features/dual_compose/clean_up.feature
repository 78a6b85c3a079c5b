@spec-019 @dual-compose @contract @p2
Feature: Whatever ends a run of the suite, its two compose projects go, and their logs stay

  @fr-033 @fr-034
  Scenario Outline: a run is sent <signal>
    Given another run of the suite has both projects up, in a scenario that lasts
    When that run is sent <signal>
    Then its evidence has what both projects have logged, as compose prints it
    And within 30 seconds nothing of it is left: no container, no network, no volume

    Examples: signals
      | signal  |
      | SIGINT  |
      | SIGTERM |

  @fr-033
  Scenario: a test of the run fails
    Given another run of the suite is started on both projects, in a scenario that fails
    When that run ends by itself
    Then it has failed, and said where the evidence lies
    And it has said what was expected, what was seen, and what to try
    And its evidence has what both projects have logged, as compose prints it
    And nothing of it is left: no container, no network, no volume
