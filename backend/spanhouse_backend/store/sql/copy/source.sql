-- Tells a store from others: when its tables were made, to the millisecond, and by what.
SELECT toString(cityHash64(Version, Name, Software, Time)) FROM spanhouse_migrations ORDER BY Time LIMIT 1
