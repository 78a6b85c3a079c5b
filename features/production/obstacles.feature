@contract @obstacles @p2
Feature: What keeps the suite from working is said in one message, with a remedy

  Each scenario starts another run of the suite beside this one, under conditions in which it cannot
  work, and reads what it says. It must fail soon, name the cause, say what to do, and leave nothing
  behind.

  @fr-010 @fr-020 @fr-045
  Scenario Outline: <obstacle>
    Given another run of the suite is started, though <obstacle>
    When that run ends by itself
    Then it has failed within <limit> seconds of its start
    And it says `<cause>` and tells to try `<remedy>`
    And nothing of it is left: no container, no network, no volume

    Examples: found before anything was started
      | obstacle                                    | limit | cause                                           | remedy              |
      | no engine answers                           | 20    | No Docker engine answers at DOCKER_HOST=        | start that engine   |
      | the image of its media server cannot be had | 30    | cannot be pulled                                | mediamtx-offline    |
      | one of its settings makes no sense          | 20    | STS_PORT='many' is not valid                    | make config         |
      | its network is no bridge                    | 20    | The network host is there, made by somebody else, but it is no bridge | E2E_NETWORK_NAME |
      | its network knows no names                  | 20    | containers have no names                        | E2E_NETWORK_NAME    |
      | its network belongs to this run             | 20    | belongs to the run                              | wait for its end    |

    Examples: found when a container is made or started
      | obstacle                                    | limit | cause                                           | remedy              |
      | a container's name is taken                 | 30    | The container name sts-service-nested-          | set E2E_RUN_ID      |
      | a host port is held by a process            | 30    | is taken by the process                         | MEDIA_SERVICE_PORT  |
      | a host port is held by a container          | 30    | is taken by the container e2e-mediamtx          | E2E_DYNAMIC_PORTS=1 |

  # Tests must not begin before everything is healthy: here that never happens.
  @fr-020 @fr-021 @fr-022 @fr-042 @fr-045 @sc-008
  Scenario: a service that never gets healthy
    Given another run of the suite is started, though its sts-service has no model
    When that run ends by itself
    Then it has failed within 45 seconds of its start
    And it says `/nowhere/model.pt` and tells to try `run.log`
    And no test of it got control, and the log of every container that was started is kept
    And nothing of it is left: no container, no network, no volume

  # That one ended by itself. This one does not, so the wait has to have an end of its own.
  @fr-010 @fr-020 @fr-021 @fr-022 @fr-042 @fr-045
  Scenario: a service that runs on and never gets healthy
    Given another run of the suite is started, though its sts-service, which has 8 seconds, runs on and answers nobody
    When that run ends by itself
    Then it has given up `sts-service` 8 seconds after its start, or 4 more at most
    And it has failed within 40 seconds of its start
    And it says `Waited 8 s for sts-service-nested-` and tells to try `run.log`
    And it says `last seen: no answer from` and tells to try `run.log`
    And no test of it got control, and the log of every container that was started is kept
    And nothing of it is left: no container, no network, no volume

  @fr-010 @fr-020 @fr-045
  Scenario: the engine goes away in the middle of a run
    Given another run of the suite has its containers up, behind a gate to the engine
    When the gate is shut
    And that run ends by itself
    Then it has failed within 30 seconds of the shutting
    And it says `The Docker engine stopped answering` and tells to try `docker version`
    And its watchdog waits for the engine
    When the gate is opened again
    Then within 30 seconds nothing of it is left: no container, no network, no volume

  # No obstacle: a bridge that a build server provides is used, if it can carry the system.
  @fr-006 @fr-010 @fr-040
  Scenario: a network that somebody else made is used, and stays
    Given a bridge network that no run of the suite has made
    When another run of the suite is told to use that network
    Then it has passed, with all its containers on that network
    And nothing of it is left but that network, which is empty
