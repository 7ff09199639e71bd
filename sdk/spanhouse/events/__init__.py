"""Events: named streams of things that happened, put and read back as what they were."""

from spanhouse.events.client import EventsClient
from spanhouse.events.errors import EventsRefused, InvalidEvent

__all__ = ["EventsClient", "EventsRefused", "InvalidEvent"]
