@spec-021 @edge-case @p2
Feature: Edge cases of specification 021

  Each question of the specification is a scenario's name, and its answer the scenario's description.
  What an answer says of the test itself (that it fails, is skipped, or passes with a warning) is seen
  in another run of the suite, started beside this one.

  @fr-003 @fr-006 @fr-008 @fr-009
  Scenario: What happens when Docker network does not exist?
    pytest fixture detects network creation failure, creates network automatically, retries
    container start.

    Given all three containers stopped, and their network removed
    When the containers are started again
    Then the engine refused to, for want of the network, until that was made automatically
    And every container is healthy on the new network
    When each container asks for the others by name
    Then every name leads to its container

  @fr-005 @fr-010 @fr-040 @fr-045
  Scenario: What happens when port conflicts occur (1935 already in use)?
    pytest fixture detects port conflict, either fails fast with clear error or uses dynamic port
    allocation if configured.

    Given port 1935 is in use by this run's media server
    When another run of the suite is to publish on that very port
    And that run ends by itself
    Then it has failed within 10 seconds of making its first container
    And it says `is taken by the container e2e-mediamtx` and tells to try `E2E_DYNAMIC_PORTS=1`
    And nothing of it is left: no container, no network, no volume
    When another run of the suite is to do so, and may choose other ports
    And that run ends by itself
    Then it has passed, on other ports
    And nothing of it is left: no container, no network, no volume

  @fr-005 @fr-010 @fr-045
  Scenario: What happens when both containers use same exposed ports?
    Docker prevents port conflicts - second container fails to start, pytest fixture detects
    failure and skips test with clear error message.

    Given another run of the suite is to publish both services on the same port
    When that run ends by itself
    Then the engine let only one of the two containers start
    And its tests are skipped, with `have the same value` and the names of both settings
    And nothing of it is left: no container, no network, no volume

  @fr-025
  Scenario: What happens when test fixture file is missing?
    pytest fixture fails during setup with FileNotFoundError, test is skipped with clear error
    message.

    Given another run of the suite asks `publish_rtmp_stream` for a clip that is missing
    When that run ends by itself
    Then its fixture failed during setup with FileNotFoundError
    And its scenario was skipped, and its summary says which file is missing
