"""The service's Prometheus metrics (021, FR-044)."""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from media_service.sts_breaker import CircuitState

_PROCESSING_BUCKETS_S = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10, 15, 20, 30, 60)


class Metrics:
    """All metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "media_service"
        self.fragments_sent = Counter(
            f"{prefix}_fragments_sent",
            "Fragments sent to STS, each counted once",
            registry=self.registry,
        )
        self.fragments_processed = Counter(
            f"{prefix}_fragments_processed",
            "Results received from STS in time",
            ["status"],
            registry=self.registry,
        )
        self.fragments_fallback = Counter(
            f"{prefix}_fragments_fallback",
            "Segments that went out with their original audio",
            ["reason"],
            registry=self.registry,
        )
        self.results_late = Counter(
            f"{prefix}_results_late",
            "Results that came after their segment was given up",
            registry=self.registry,
        )
        self.results_repeated = Counter(
            f"{prefix}_results_repeated",
            "Results that had come before",
            registry=self.registry,
        )
        self.wire_violations = Counter(
            f"{prefix}_wire_violations",
            "Events from STS that broke the contract",
            registry=self.registry,
        )
        self.processing_seconds = Histogram(
            f"{prefix}_fragment_processing_seconds",
            "Time from fragment sent to result received",
            buckets=_PROCESSING_BUCKETS_S,
            registry=self.registry,
        )
        self.inflight = Gauge(
            f"{prefix}_fragments_inflight",
            "Fragments sent and not answered",
            registry=self.registry,
        )
        self.fragments_resent = Counter(
            f"{prefix}_fragments_resent",
            "Fragments sent once more: refused for the moment, or not answered before a break",
            registry=self.registry,
        )
        self.segments_lost = Counter(
            f"{prefix}_segments_lost",
            "Segments that never went out, because their worker was gone",
            registry=self.registry,
        )
        self.waiting_video_bytes = Gauge(
            f"{prefix}_waiting_video_bytes",
            "Bytes of video that wait for their sound",
            ["stream_id"],
            registry=self.registry,
        )
        self.http_refused = Counter(
            f"{prefix}_http_refused", "Requests that could not be parsed", registry=self.registry
        )
        self.av_skew = Gauge(
            f"{prefix}_av_skew_seconds",
            "Audio's lateness against the picture at the last segment's start",
            ["stream_id"],
            registry=self.registry,
        )
        self.sts_connected = Gauge(
            f"{prefix}_sts_connected", "1 while STS is connected", registry=self.registry
        )
        self.sts_reconnects = Counter(
            f"{prefix}_sts_reconnects",
            "Connections made anew after a loss",
            registry=self.registry,
        )
        self.sts_disconnects = Counter(
            f"{prefix}_sts_disconnects", "Connections to STS that were lost", registry=self.registry
        )
        self.sts_reconnect_attempts = Counter(
            f"{prefix}_sts_reconnect_attempts",
            "Attempts to connect after a loss: at once, after each growing wait, and slow probes",
            ["kind"],
            registry=self.registry,
        )
        self.sts_sessions_resumed = Counter(
            f"{prefix}_sts_sessions_resumed",
            "Streams that STS took up where a broken connection had left them",
            registry=self.registry,
        )
        self.circuit_state = Gauge(
            f"{prefix}_circuit_state",
            "Circuit breaker: 0 closed, 1 half open (one fragment is tried), 2 open (none is sent)",
            ["stream_id"],
            registry=self.registry,
        )
        self.circuit_opened = Counter(
            f"{prefix}_circuit_opened",
            "Times that STS was too slow for too many fragments in a row",
            registry=self.registry,
        )
        self.backpressure = Counter(
            f"{prefix}_backpressure",
            "Requests of STS to send slower, to pause, or to go on (none)",
            ["action"],
            registry=self.registry,
        )
        self.backpressure_held = Counter(
            f"{prefix}_backpressure_held_seconds",
            "Time that fragments were held back because STS asked for it",
            registry=self.registry,
        )
        self.streams = Gauge(
            f"{prefix}_streams", "Streams by state", ["state"], registry=self.registry
        )
        self.stream_failures = Counter(
            f"{prefix}_stream_failures",
            "Streams that failed",
            ["reason"],
            registry=self.registry,
        )
        self.worker_restarts = Counter(
            f"{prefix}_worker_restarts",
            "Worker processes that had to be replaced",
            registry=self.registry,
        )
        self.streams_resumed = Counter(
            f"{prefix}_streams_resumed",
            "Streams that went on after an interruption",
            ["reason"],
            registry=self.registry,
        )
        self.segments_recovered = Counter(
            f"{prefix}_segments_recovered",
            "Segments that were taken up from disk",
            registry=self.registry,
        )
        self.segments_kept = Counter(
            f"{prefix}_segments_kept",
            "Segments that never went out and are on disk",
            registry=self.registry,
        )
        self.checkpoints_corrupt = Counter(
            f"{prefix}_checkpoints_corrupt",
            "Checkpoints that could not be used and were put aside",
            registry=self.registry,
        )
        self.spool_failures = Counter(
            f"{prefix}_spool_failures",
            "Times that something could not be kept on disk",
            registry=self.registry,
        )
        # Known label values are shown from the start, so that "none yet" reads 0, not absent.
        for reason in ("timeout", "sts_unavailable", "sts_failed", "no_speech", "circuit_open"):
            self.fragments_fallback.labels(reason)
        for status in ("success", "partial", "failed"):
            self.fragments_processed.labels(status)
        for kind in ("at_once", "backoff", "probe"):
            self.sts_reconnect_attempts.labels(kind)
        for action in ("none", "slow_down", "pause"):
            self.backpressure.labels(action)

    def set_circuit(self, stream_id: str, state: CircuitState) -> None:
        """Show the state of a stream's circuit breaker."""
        self.circuit_state.labels(stream_id).set(("closed", "half_open", "open").index(state))

    def set_skew(self, stream_id: str, skew_ms: float | None) -> None:
        """Show a stream's last skew, where it is known."""
        if skew_ms is not None:
            self.av_skew.labels(stream_id).set(skew_ms / 1000)

    def forget_stream(self, stream_id: str) -> None:
        """Remove what is shown of one stream."""
        for gauge in (self.av_skew, self.waiting_video_bytes, self.circuit_state):
            with suppress(KeyError):
                gauge.remove(stream_id)

    def text(self) -> bytes:
        """Return the exposition format."""
        return generate_latest(self.registry)
