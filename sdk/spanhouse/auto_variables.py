"""Loaded by `opentelemetry-instrument` before it starts the program: the place to say which configurator is ours.

Where several configurators are installed the first one found is taken, and that of opentelemetry-distro would set
the SDK's provider whatever `OTEL_PYTHON_TRACER_PROVIDER` says. A program for which ours was chosen, and no
configurator by name, therefore gets the one that listens. (Entry point group `opentelemetry_environment_variables`;
command line flags are made from names that start with OTEL_, of which there are none here.)
"""

import os

if os.environ.get("OTEL_PYTHON_TRACER_PROVIDER") == "spanhouse":
    os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "spanhouse")
