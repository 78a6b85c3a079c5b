@contract @models
Feature: The neural engines use the models that are named, from the volume, and nothing else

  STS_PROFILE=neural looks its models up by name in a volume that `make pull-models` fills, from
  the hubs or from a folder that somebody brings. Each scenario has an sts-service, and a volume, of
  its own.

  @fr-016
  Scenario: models brought in a folder serve by name
    Given a folder with the models `whisper-en`, `marian-en-es` and `coqui-es`
    When `make pull-models FROM=<folder>` fills a volume with them
    And an sts-service is started with STS_PROFILE=neural that names them
    Then `/health` names each by its name and its content
    And that service dubs "One two three four five six" as the world has it

  Scenario: a model is missing
    Given a volume without a model
    When an sts-service is started with STS_PROFILE=neural
    Then it ends by itself with an error, and no other engine has taken the place
    And its log names the model `small`, the volume, and the remedy `make pull-models`

  @needs-neural @fr-016 @fr-030
  Scenario: the full models understand every clip
    When an sts-service is started with STS_PROFILE=neural
    And it has loaded the full models, where the volume of models has them
    Then that service speaks Spanish for each clip, with at most this share of its words wrong:
      | clip                      | percent |
      | 30s-english-counting.mp4  | 10      |
      | 30s-english-speech.mp4    | 10      |
      | 30s-english-sentences.mp4 | 10      |
