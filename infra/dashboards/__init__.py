"""Dashboards and alarms, declared once for CloudWatch and for Prometheus with Grafana."""
