@contract @chaos @slow
Feature: A stream goes through a storm of faults, and comes out whole

  sts-service, the way to it, media-service, the media server and the publisher are stopped, killed,
  frozen, cut off or slowed down, one after the other, in an order and for times that a seed decides.
  The seed is printed, and can be given: E2E_CHAOS_SEED.

  @fr-024 @sc-006
  Scenario: three minutes of faults
    Given a stream is on the air, and the way to `sts-service` leads through a proxy
    When for 180 seconds faults strike at random
    Then the stream comes to its end, and can be played from its first segment to its last
    And its clock is unbroken
    And every segment is accounted for, and dubbed wherever STS was there
    And all services are healthy, and the stream is over
