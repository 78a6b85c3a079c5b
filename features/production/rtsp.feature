@contract @rtsp @fr-005 @sc-005
Feature: A stream over RTSP is dubbed as one over RTMP

  media-service reads its streams over the protocol that `INGEST_PROTOCOL` names, whichever they were
  published over. Over RTSP no packet tells where in the stream it belongs, nor when a picture is
  decoded: what comes out must lie where it would over RTMP all the same. Only where the stream began
  is known no better than the clocks of server and service say it.

  Scenario Outline: <clip>, published over <published> and read over RTSP
    Given `e2e-media-service` runs with `INGEST_PROTOCOL=rtsp`
    When `<clip>` is published over <published>, and all of it has come out
    Then the media server had it over <published>, and media-service read it over RTSP
    And the output lasts as long as the clip's description says, within 500 ms
    And <fragments> fragments were cut one after another, from within 200 ms of the source's beginning, and came back in order
    And each dub lies within 120 ms of its picture, with nothing else beside it
    And its picture is untouched, without a gap

    Examples: the clip of the stories, and one whose pictures are not decoded as they are shown
      | clip                     | published | fragments |
      | 30s-english-counting.mp4 | RTSP      | 5         |
      | b-frames.mp4             | RTMP      | 3         |
