@contract @clean-up
Feature: A run takes everything away that it brought, however it ends

  Each scenario starts another run of the suite beside this one, with names and ports of its own,
  and looks for what it leaves behind.

  @p1 @fr-003 @fr-010
  Scenario: a run whose scenario fails
    Given another run of the suite has its containers up, in a scenario that fails
    When that run ends by itself
    Then it has failed, and said where the evidence lies
    And nothing of it is left: no container, no network, no volume

  @fr-010
  Scenario: a run that is told to stop
    Given another run of the suite has its containers up, in a scenario that lasts
    When that run is sent SIGTERM
    Then it has failed, and said where the evidence lies
    And nothing of it is left: no container, no network, no volume

  @fr-010
  Scenario: a run that is killed
    Given another run of the suite has its containers up, in a scenario that lasts
    When that run is sent SIGKILL
    Then within 30 seconds nothing of it is left: no container, no network, no volume
