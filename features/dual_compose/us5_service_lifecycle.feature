@spec-019 @dual-compose @us5 @p2
Feature: User Story 5 - Separate Docker Compose Files: Independent Service Lifecycle (Priority: P2)

  Each service (media-service, sts-service) has its own docker-compose.yml file for independent
  development and testing. Tests start both compositions and coordinate them through environment
  variables.

  @fr-001 @fr-003 @fr-006 @fr-009 @sc-005
  Scenario: the media project starts by itself
    Given `apps/media-service/docker-compose.e2e.yml` exists
    When docker-compose up is run
    Then media-service and MediaMTX start
    And ports 8080 (media API), 8554 (RTSP), 1935 (RTMP) are exposed and accessible

  @fr-001 @fr-004 @fr-007 @fr-009 @sc-005
  Scenario: the sts project starts by itself
    Given `apps/sts-service/docker-compose.e2e.yml` exists
    When docker-compose up is run
    Then sts-service starts
    And port 3000 (Socket.IO) is exposed and accessible

  # The suite that runs is another run of this one, with projects, names and ports of its own.
  @fr-031 @fr-032 @fr-034 @sc-005
  Scenario: a run of the suite brings both up, dubs a clip, and leaves nothing
    Given both compositions running
    When pytest test suite runs
    Then tests coordinate both environments via environment variables
    And execute full pipeline
    And and clean up both compositions on teardown

  @fr-001 @sc-005
  Scenario: media-service works with an echo in place of the sts project
    Given sts-service composition down
    When developer runs media-service tests with Echo STS
    Then media-service composition still works independently (no hard dependency on sts-service composition)
