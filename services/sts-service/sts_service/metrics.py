"""The Prometheus metrics of one service, in a registry of their own."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from services.contracts import ErrorCode

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)


class Metrics:
    """Everything ``/metrics`` shows."""

    def __init__(self) -> None:
        # Otherwise every counter has a twin with the time of its creation.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.received = Counter(
            "sts_fragments_received", "Fragments accepted", registry=self.registry
        )
        self.dropped = Counter(
            "sts_fragments_dropped",
            "Fragments accepted whose stream closed before their answer",
            registry=self.registry,
        )
        self.processed = Counter(
            "sts_fragments_processed", "Results given out", ["status"], registry=self.registry
        )
        self.duplicates = Counter(
            "sts_fragments_duplicate", "Fragments sent again", registry=self.registry
        )
        self.processing = Histogram(
            "sts_fragment_processing_seconds",
            "From a worker taking a fragment to its result",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stage = Histogram(
            "sts_stage_seconds",
            "Time in one stage",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "sts_queue_depth", "Fragments waiting for a worker", registry=self.registry
        )
        self.inflight = Gauge("sts_inflight", "Fragments in work", registry=self.registry)
        self.streams = Gauge("sts_streams_active", "Open streams", registry=self.registry)
        self.sessions = Gauge(
            "sts_sessions_detached",
            "Streams without a connection, which may be taken up again",
            registry=self.registry,
        )
        self.resumed = Counter(
            "sts_sessions_resumed", "Streams taken up again", registry=self.registry
        )
        self.expired = Counter(
            "sts_sessions_expired", "Streams that nobody took up again", registry=self.registry
        )
        self.gaps = Counter(
            "sts_sequence_gaps", "Times that sequence numbers were skipped", registry=self.registry
        )
        self.backpressure = Counter(
            "sts_backpressure", "Advice given to clients", ["action"], registry=self.registry
        )
        self.held_bytes = Gauge(
            "sts_held_bytes", "Sound held for all streams together", registry=self.registry
        )
        self.worker_starts_failed = Counter(
            "sts_worker_starts_failed",
            "Times that a worker could not be replaced, or its engines not loaded again",
            registry=self.registry,
        )
        self.slow_clients = Counter(
            "sts_clients_slow",
            "Clients cut off because they did not read",
            registry=self.registry,
        )
        self.connections_refused = Counter(
            "sts_connections_refused",
            "Connections over a limit, or silent for too long",
            ["reason"],
            registry=self.registry,
        )
        self.observer_events = Counter(
            "sts_observer_events_ignored",
            "What observers said, which nobody listens to",
            registry=self.registry,
        )
        self.connections = Gauge(
            "sts_connections", "Socket.IO clients, observers aside", registry=self.registry
        )
        self.observers = Gauge("sts_observers", "Connected observers", registry=self.registry)
        self.errors = Counter(
            "sts_errors",
            "Requests refused and fragments failed",
            ["code"],
            registry=self.registry,
        )
        self.transport_errors = Counter(
            "sts_transport_errors",
            "Packets and requests that are no Socket.IO",
            registry=self.registry,
        )
        self.http_refused = Counter(
            "sts_http_refused", "Requests that are no HTTP", registry=self.registry
        )
        for code in ErrorCode:
            self.errors.labels(code=code.value)
        for action in ("none", "slow_down", "pause"):
            self.backpressure.labels(action=action)
        for reason in ("limit", "half_open", "idle"):
            self.connections_refused.labels(reason=reason)
        for status in ("success", "partial", "failed"):
            self.processed.labels(status=status)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
