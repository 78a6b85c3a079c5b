@spec-019 @dual-compose @us2 @p1
Feature: User Story 2 - Service Discovery via Port Exposure: Localhost Communication (Priority: P1)

  The test infrastructure configures both docker-compose files to expose service ports to the host
  network. Services communicate via `localhost:<port>` URLs configured through environment
  variables, validating the simplest production deployment pattern.

  @fr-002 @fr-005 @fr-027 @sc-008
  Scenario: media-service reaches STS over the port that the other project exposes
    Given media-service docker-compose started with `STS_SERVICE_URL=http://localhost:3000`
    When media-service attempts to connect to STS
    Then connection succeeds via exposed port 3000

  @fr-002 @fr-007
  Scenario: who comes from the host can open a session with STS
    Given sts-service docker-compose started with port 3000 exposed
    When external client (media-service from host) connects
    Then Socket.IO handshake completes successfully

  @fr-002 @fr-003 @fr-006
  Scenario: media-service reads and publishes over the ports that MediaMTX exposes
    Given MediaMTX started with RTSP port 8554 and RTMP port 1935 exposed
    When WorkerRunner connects from media-service container
    Then connection succeeds using host network mode or explicit localhost URLs

  @fr-009 @fr-032 @sc-005 @sc-006
  Scenario: every service of both projects is healthy
    Given all services started
    When pytest queries health endpoints
    Then all services return 200 OK within 5 seconds
