-- How many calls are to be looked up, and how long they took together.
SELECT count() AS calls, sum(Duration) AS total_ns FROM ({called:Fragment})
