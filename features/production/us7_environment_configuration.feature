@spec-021 @us7 @p3
Feature: User Story 7 - Environment Configuration: Configurable Service Endpoints (Priority: P3)

  The test infrastructure uses environment variables to configure service endpoints (MediaMTX URLs,
  STS service URL, network names), making the setup adaptable to different deployment scenarios.

  # The variables are those of other runs of the suite, started beside this one. Each has its stack
  # looked at from here, and then dubs a short clip.

  @fr-038 @fr-039 @fr-040
  Scenario: another port for the media server
    Given pytest configuration with `MEDIAMTX_RTMP_PORT=1935`
    When environment variable `MEDIAMTX_RTMP_PORT=1936` is set
    Then pytest uses port 1936 for MediaMTX RTMP
    And avoiding port conflicts

  @fr-038 @fr-039
  Scenario: another name for the network
    Given Docker network name `E2E_NETWORK_NAME=e2e-dubbing-network`
    When environment variable changed to `E2E_NETWORK_NAME=ci-dubbing-net`
    Then containers join custom network name

  @fr-038 @fr-039 @fr-040
  Scenario: another endpoint for speech
    Given STS service URL `STS_SERVICE_URL=http://sts-service:3000`
    When environment variable `STS_SERVICE_URL=http://sts-prod:8000` is set
    Then media-service connects to custom endpoint

  @fr-004 @fr-038 @fr-040
  Scenario: two builds side by side
    Given CI/CD environment with unique network names per build
    When tests run
    Then tests use CI-provided network names and run without conflicts

  # Ours: each scenario of the text changes one variable; here a file changes many.
  @contract @fr-038 @fr-040
  Scenario: a file of variables
    Given a file of variables, none with its default value:
      | variable               | value                   | inside            |
      | MEDIAMTX_RTMP_PORT     | a free port             |                   |
      | MEDIAMTX_RTSP_PORT     | a free port             |                   |
      | MEDIAMTX_API_PORT      | a free port             |                   |
      | MEDIA_SERVICE_PORT     | a free port             |                   |
      | STS_PORT               | a free port             |                   |
      | MEDIAMTX_RTMP_URL      | rtmp://mediamtx:1935    | e2e-media-service |
      | MEDIAMTX_API_URL       | http://mediamtx:9997    | e2e-media-service |
      | STS_SERVICE_URL        | http://sts-service:3100 | e2e-media-service |
      | STS_API_KEY            | only-this-run-has-it    | e2e-media-service |
      | SEGMENT_DURATION_S     | 4                       | e2e-media-service |
      | FRAGMENT_TIMEOUT_S     | 25                      | e2e-media-service |
      | STS_RECONNECT_ATTEMPTS | 3                       | e2e-media-service |
      | STS_UNAVAILABLE_POLICY | fail                    | e2e-media-service |
      | LOG_LEVEL              | DEBUG                   | e2e-media-service |
      | STS_PROFILE            | embedded                | sts-service       |
      | STS_WORKERS            | 1                       | sts-service       |
      | MAX_INFLIGHT           | 2                       | sts-service       |
      | PROCESSING_TIMEOUT     | 20                      | sts-service       |
    When another run of the suite is told of that file by `E2E_ENV_FILE`
    Then the process in each container has its variables as the file has them
    And each port of the host is that of the file
    And sts-service refuses who does not bring the file's key
    And the wire shows segments of 4 seconds, 2 in flight at most, and `embedded` engines

  @contract @fr-038 @fr-045
  Scenario Outline: a value that cannot be used stops the run before anything starts
    Given a value that cannot be used, `<variable>=<value>`
    When another run of the suite is started with it
    Then it ends before anything is started, in one line with `<variable>` and `<reason>`

    Examples: each wrong in its own way
      | variable           | value         | reason                       |
      | MEDIAMTX_RTMP_PORT | abc           | should be a valid integer    |
      | STS_SERVICE_URL    | sts-prod:8000 | must be a URL such as http:/ |
      | E2E_NETWORK_NAME   | two words     | should match pattern         |
      | E2E_ENV_FILE       | nobody.env    | there is no such file        |

  @contract @fr-021 @fr-039 @fr-041
  Scenario: every variable has a default, and stands in the documentation
    Given an environment without a single variable of the suite
    When the settings are read
    Then each variable has a default
    And those for which the text states a value have that one:
      | variable               | default |
      | LOAD_TIMEOUT           | 60      |
      | FRAGMENT_TIMEOUT_S     | 30      |
      | SEGMENT_DURATION_S     | 6       |
      | STS_RECONNECT_ATTEMPTS | 5       |
      | STS_RECONNECT_BASE_S   | 2       |
      | TARGET_LANGUAGE        | es      |
    And the page to which the README leads has each variable with its default and its meaning
    And its examples use variables that there are, with values that are valid
