"""Alerts: rules as data, a pure engine that evaluates them, measurement by replay, and delivery."""
