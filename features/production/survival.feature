@contract @survival
Feature: A stream survives whatever happens to those that carry it

  Beside the four scenarios of user story 5: silence instead of a farewell, SIGKILL instead of
  SIGTERM, a worker, a publisher, a disk.

  @sc-006
  Scenario Outline: STS falls silent: <outage>
    Given all containers running and pipeline processing
    When `sts-service` gets <outage>
    Then media-service says within 10 seconds that STS is gone
    And uses fallback audio

    Examples: without a farewell
      | outage  |
      | paused  |
      | cut off |

  @fr-024 @sc-006
  Scenario: media-service is killed in the middle of a segment
    Given all containers running and pipeline processing
    When `e2e-media-service` gets killed
    And `e2e-media-service` comes back
    Then the stream goes on as the same one: `service_restarted`

  @fr-024
  Scenario: the stream's worker is killed
    Given all containers running and pipeline processing
    When the stream's worker is killed
    Then the stream goes on as the same one: `worker_killed`

  Scenario: the publisher dies and comes back
    Given all containers running and pipeline processing
    When the stream's publisher is killed, and back 3 seconds later
    Then the stream goes on as the same one: `input_lost`

  Scenario: the disk is full
    Given `e2e-media-service` has a disk of 4 MiB of its own at `/data`
    And all containers running and pipeline processing
    When the disk of `e2e-media-service` at `/data` is full
    Then media-service logs `spool_failed`, and the stream is dubbed all the same
    When the disk of `e2e-media-service` has room again
    Then media-service logs `spool_restored`, and the stream is dubbed all the same
    And the stream comes to its end, whole and dubbed

  Scenario: STS is gone for good, and the policy is to fail
    Given `e2e-media-service` runs with `STS_UNAVAILABLE_POLICY=fail`
    And `e2e-media-service` runs with `STS_RECONNECT_BASE_S=0.2`
    And all containers running and pipeline processing
    When `sts-service` gets stopped
    Then media-service logs error "the policy is to fail" and its worker exits
