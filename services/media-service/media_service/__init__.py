"""media-service: takes live streams in, has them dubbed, and publishes the result."""
