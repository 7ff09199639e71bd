import os

import patient_examples  # noqa: F401 - as the conftest above, without which these tests are also run

# Also where these tests are run without the folder's above: nobody's own spool is written or delivered by a test.
os.environ["SPANHOUSE_SPOOL"] = "off"
