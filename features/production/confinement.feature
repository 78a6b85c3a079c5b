@spec-021 @contract @p2
Feature: The services have no more rights than they need

  What a stranger's stream may one day break into should find nothing there to work with: no root,
  no capability, no file that can be changed.

  Scenario Outline: a service has no rights beside its work
    Given `<container>` at its work
    Then it runs as an unprivileged user
    And it has no capabilities, and can gain none
    And its root file system is read-only

    Examples:
      | container         |
      | e2e-media-service |
      | sts-service       |

  Scenario: a service that may write nowhere starts no slower for it
    Given `sts-service` at its work
    Then its engines compile nothing that its image has compiled
