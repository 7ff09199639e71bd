-- Which of these settings the server does not have.
SELECT arrayJoin({names:Array(String)}) AS name
WHERE name NOT IN (SELECT name FROM system.settings)
