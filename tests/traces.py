"""A provider of OpenTelemetry's SDK that keeps the spans, for tests to look at."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler


class Traces:
    """Spans in the order in which they ended."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._kept = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self._kept))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._kept.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def forget(self) -> None:
        self._kept.clear()

    @property
    def text(self) -> str:
        """All that would leave the process."""
        return "\n".join(span.to_json() for span in self.spans)


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether the one was made within the other."""
    return (
        span.parent is not None
        and span.parent.span_id == parent.context.span_id
        and span.context.trace_id == parent.context.trace_id
    )
