@spec-021 @us5 @p2
Feature: User Story 5 - Container Lifecycle Management: Independent Start/Stop (Priority: P2)

  Each container (media-service, STS-service, MediaMTX) can be started, stopped, and restarted
  independently without affecting the test infrastructure or other containers.

  @fr-002 @fr-023 @fr-044 @sc-006
  Scenario: STS is stopped in the middle of a stream
    Given all containers running and pipeline processing
    When STS-service container is stopped
    Then media-service detects disconnect
    And uses fallback audio
    And logs reconnection attempts

  @fr-002 @fr-024 @sc-006
  Scenario: STS comes back in the middle of a stream
    Given STS-service container stopped
    When STS-service container restarted
    Then media-service reconnects via Socket.IO
    And pipeline resumes with next segment

  @fr-002 @fr-023 @fr-024 @sc-006
  Scenario: media-service is restarted in the middle of a stream
    Given media-service container restarted during processing
    When container restarts
    Then stream processing resumes from last checkpoint (segment boundary)

  @fr-002 @fr-024 @sc-006
  Scenario: the media server is restarted in the middle of a stream
    Given MediaMTX container restarted
    When input stream restored
    Then media-service detects stream
    And reconnects, and resumes processing
