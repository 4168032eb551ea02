"""Many visitors at once: real WebSocket sessions that click the app's own widgets."""
