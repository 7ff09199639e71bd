"""The dashboard: static pages that ask the public REST API."""
