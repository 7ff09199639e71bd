import os

from hypothesis import HealthCheck, settings

# Also where these tests are run without the folder's above: nobody's own spool is written or delivered by a test.
os.environ["SPANHOUSE_SPOOL"] = "off"
# How long an example takes says more about the machine than about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
