@contract @faults
Feature: What a scenario breaks is really broken, and whole again behind it

  The vocabulary of faults, docs/faults.md, held against the system: features that lean on it prove
  nothing if a fault is none, or is left.

  Background:
    Given nothing is broken

  Scenario Outline: a container that is <outage>
    When `sts-service` gets <outage>
    Then `sts-service` does not answer
    When `sts-service` comes back
    Then every container is as it was, and none is left that was not there

    Examples: every outage
      | outage  |
      | stopped |
      | killed  |
      | paused  |
      | cut off |

  Scenario: a container that is restarted
    When `sts-service` gets restarted
    Then `sts-service` was started anew
    When `sts-service` comes back
    Then every container is as it was, and none is left that was not there

  Scenario: a container that is slow
    When `sts-service` is slowed down to 0.2 of a processor
    Then who computes in `sts-service` gets 0.2 of a processor, and no more
    When `sts-service` comes back
    Then who computes in `sts-service` gets more than 0.2 of a processor
    And every container is as it was, and none is left that was not there

  Scenario: engines that are slow
    Given it is known how long 2 fragments of silence take
    And fragments take 1,2 seconds longer, in turns
    When 2 fragments of silence are sent again
    Then they took 1,2 seconds longer
    When everything is undone, as after a scenario
    Then every container is as it was, and none is left that was not there

  Scenario: a link that is slow, and then silent
    Given media-service is linked to `sts-service` through a proxy
    When the link to `sts-service` has 100 ms of latency, 0 ms of jitter and 0 percent of loss
    Then a request of media-service's to `sts-service` takes 200 ms or more
    When the link to `sts-service` is no longer slow
    And the link to `sts-service` falls silent
    Then a request of media-service's to `sts-service` is not answered within 2 seconds
    When everything is undone, as after a scenario
    Then every container is as it was, and none is left that was not there

  Scenario: a disk that is full
    Given `e2e-media-service` has a disk of 1 MiB of its own at `/data`
    When the disk of `e2e-media-service` at `/data` is full
    Then nothing more can be written to `/data` in `e2e-media-service`
    When the disk of `e2e-media-service` has room again
    Then something can be written to `/data` in `e2e-media-service` again
    When everything is undone, as after a scenario
    Then every container is as it was, and none is left that was not there
