"""Monitoring: heartbeats, health, anomalies, alarms, metrics and the balance."""
