@spec-019 @dual-compose @us7 @p3
Feature: User Story 7 - Environment Configuration: Configurable Service Endpoints (Priority: P3)

  Both docker-compose files use environment variables to configure service endpoints (MediaMTX URLs,
  STS service URL), making the infrastructure adaptable to different deployment scenarios.

  @fr-027 @fr-028 @fr-030
  Scenario: media-service is told another endpoint of STS
    Given media-service docker-compose with `STS_SERVICE_URL=${STS_SERVICE_URL:-http://localhost:3000}`
    When environment variable `STS_SERVICE_URL=http://sts-service:3000` is set
    Then media-service connects to internal docker network endpoint instead of localhost

  @fr-008 @fr-028 @fr-030
  Scenario: sts-service is told another port
    Given sts-service docker-compose with `PORT=${STS_PORT:-3000}`
    When environment variable `STS_PORT=8000` is set
    Then service listens on port 8000 and tests adjust accordingly

  @fr-008 @fr-029 @fr-030
  Scenario: a file of variables moves every port
    Given pytest test configuration file
    When developer sets custom ports for conflict avoidance
    Then docker-compose files respect custom ports without manual editing

  @fr-008 @fr-029
  Scenario: a run of the suite on ports that it is given
    Given CI/CD environment with non-standard ports
    When tests run
    Then services use CI-provided ports and tests pass without modification
