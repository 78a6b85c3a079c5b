@contract @faults
Feature: An STS that says nothing, or takes too long, holds nobody up

  What media-service does when the wire to STS falls silent without a word, and when fragments take
  longer than they have: docs/design.md, "When STS is away, slow or under pressure".

  @sc-006
  Scenario: silence on the wire is noticed, and the session is taken up behind it
    Given media-service is linked to `sts-service` through a proxy
    And all containers running and pipeline processing
    When the wire to STS is cut and nobody is told
    Then media-service takes STS for away within 10 seconds
    When the wire to STS is mended
    Then the session of the stream goes on, and its next segment is dubbed

  @fr-044
  Scenario: an STS that is too slow too often is asked no more, and later once to see
    Given `e2e-media-service` runs with `FRAGMENT_TIMEOUT_S=5`
    And `e2e-media-service` runs with `STS_CIRCUIT_TIMEOUTS=2`
    And `e2e-media-service` runs with `STS_CIRCUIT_OPEN_S=8`
    And fragments take 0,12,12,0,0,0,0,0,0,0 seconds longer, in turns
    And all containers running and pipeline processing
    When STS has been too slow, and then fast enough
    Then after 2 segments whose time was over nothing is sent and nothing waits
    And one fragment is sent to see, and from it on all segments are dubbed
