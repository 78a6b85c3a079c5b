"""sts-service: speech to translated speech, over Socket.IO."""
