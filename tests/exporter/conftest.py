import os

# Also where these tests are run without the folder's above: nobody's own spool is written or delivered by a test.
os.environ["SPANHOUSE_SPOOL"] = "off"
