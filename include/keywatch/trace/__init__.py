"""Traces: every HTTP request and answer of a task as a HAR file, which browsers' network tools and Fiddler read.

Nothing secret is in one: see `keywatch.trace.redact`.
"""

from keywatch.errors import TraceUnreadableError
from keywatch.trace.files import TracedTask, har_files, trace_folder
from keywatch.trace.merge import HostTraffic, merge_hars, traffic
from keywatch.trace.record import Recording, recording

__all__ = [
    "HostTraffic",
    "Recording",
    "TraceUnreadableError",
    "TracedTask",
    "har_files",
    "merge_hars",
    "recording",
    "trace_folder",
    "traffic",
]
