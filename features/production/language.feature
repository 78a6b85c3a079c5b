@contract @language
Feature: The output says in which language it is dubbed

  media-service names the language of `TARGET_LANGUAGE` in what it publishes. RTMP and FLV have no place for
  it at a track: it is a property of `onMetaData`, and ffprobe shows it for the whole. The stand-in for
  MediaMTX hands it on over RTMP, has it in its FLV recordings, and says it of the audio track in RTSP's
  session description. MediaMTX writes metadata of its own in all three.

  Scenario Outline: with TARGET_LANGUAGE=<language>
    Given `e2e-media-service` runs with `TARGET_LANGUAGE=<language>`
    And a stream is on the air, and its output with it
    When ffprobe looks at the output over RTMP and RTSP, and at its recording
    Then each names `<language>` as the language of its sound

    Examples: one that sts-service speaks, and one that it does not
      | language |
      | es       |
      | pt       |
