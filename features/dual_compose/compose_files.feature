@spec-019 @dual-compose @contract @p2
Feature: The compose files, as they lie there, are what the specification says

  The suite tells its projects every port, endpoint and name at each start. Here compose reads the
  files for somebody who has set nothing, or nothing but what a step says.

  @fr-005 @fr-006 @fr-007 @fr-027 @fr-028
  Scenario: who sets no variable has the ports and endpoints of the specification
    Given both compose files as they are committed
    When compose reads them with no variable set
    Then by default these ports of the host lead to the services
      | port | service       |
      | 8554 | mediamtx      |
      | 1935 | mediamtx      |
      | 9997 | mediamtx      |
      | 8080 | media-service |
      | 3000 | sts-service   |
    And by default these variables are given
      | variable          | value                            |
      | MEDIAMTX_RTSP_URL | rtsp://mediamtx:8554             |
      | MEDIAMTX_RTMP_URL | rtmp://mediamtx:1935             |
      | MEDIAMTX_API_URL  | http://mediamtx:9997             |
      | STS_SERVICE_URL   | http://host.docker.internal:3000 |
    And the networks of the two files are `e2e-media-network` and `e2e-sts-network`

  @fr-008 @fr-027 @fr-030
  Scenario Outline: who sets <variables>, has what was set
    Given both compose files as they are committed
    When compose reads them with `<variables>` set
    Then the networks of the two files are `<media>` and `<sts>`

    Examples: names of networks
      | variables                                       | media             | sts             |
      | E2E_MEDIA_NETWORK=other                         | other             | e2e-sts-network |
      | E2E_STS_NETWORK=other                           | e2e-media-network | other           |
      | E2E_MEDIA_NETWORK=shared E2E_STS_NETWORK=shared | shared            | shared          |
