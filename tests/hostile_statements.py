"""Statements that reach further than a reader of spans should, each to be refused before anything of it is run.

CANARY stands for a file of the server's that the statements try to read, TARGET for one that they try to
write; ␤ is a new line.
"""

# ruff: noqa: RUF001  # a letter that looks like another is the point of one of them
_STATEMENTS = r"""
INSERT INTO otel_traces (TraceId) VALUES ('a')
INSERT INTO otel_traces SELECT * FROM otel_traces
INSERT INTO FUNCTION file('TARGET', 'CSV', 'a String') SELECT 'x'
INSERT INTO otel_traces FROM INFILE 'CANARY' FORMAT CSV
CREATE TABLE t (a Int8) ENGINE = Memory
CREATE TEMPORARY TABLE t (a Int8)
CREATE TABLE t ENGINE = File(CSV, 'CANARY')
CREATE TABLE t AS file('CANARY')
CREATE VIEW v AS SELECT 1
CREATE MATERIALIZED VIEW v ENGINE = Memory AS SELECT 1
CREATE FUNCTION f AS (x) -> x + 1
CREATE DATABASE d
CREATE DATABASE d ENGINE = Filesystem('/')
CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(FILE(path 'CANARY' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)
CREATE NAMED COLLECTION c AS a = 'b'
CREATE USER u IDENTIFIED BY 'p'
CREATE ROLE r
ALTER TABLE otel_traces DELETE WHERE 1
ALTER TABLE otel_traces UPDATE SpanName = 'x' WHERE 1
ALTER TABLE otel_traces DROP PARTITION ID 'all'
ALTER TABLE otel_traces MODIFY TTL Timestamp + INTERVAL 1 SECOND
ALTER TABLE otel_traces ADD COLUMN a Int8 DEFAULT length(file('CANARY'))
DELETE FROM otel_traces WHERE 1
UPDATE otel_traces SET SpanName = 'x' WHERE 1
TRUNCATE TABLE otel_traces
DROP TABLE otel_traces
DROP DATABASE default
DETACH TABLE otel_traces
ATTACH TABLE t FROM 'CANARY' (a Int8) ENGINE = File(CSV)
RENAME TABLE otel_traces TO t
EXCHANGE TABLES otel_traces AND otel_logs
UNDROP TABLE otel_traces
OPTIMIZE TABLE otel_traces FINAL
CHECK TABLE otel_traces
BACKUP TABLE otel_traces TO File('TARGET')
BACKUP DATABASE default TO Disk('default', 'TARGET')
RESTORE TABLE otel_traces FROM File('CANARY')
GRANT ALL ON *.* TO default
REVOKE ALL ON *.* FROM default
SET max_memory_usage = 0
SET readonly = 0
SET ROLE ALL
USE system
KILL QUERY WHERE 1
KILL MUTATION WHERE 1
SYSTEM SHUTDOWN
SYSTEM KILL
SYSTEM RELOAD CONFIG
SYSTEM FLUSH LOGS
SYSTEM STOP MERGES
SYSTEM DROP MARK CACHE
SYSTEM ENABLE FAILPOINT x
BEGIN TRANSACTION
COMMIT
SET TRANSACTION SNAPSHOT 1
EXECUTE AS default SELECT 1
SELECT 1 PARALLEL WITH SELECT 2
SHOW PROCESSLIST
SHOW GRANTS
SHOW USERS
SHOW ACCESS
SHOW CREATE USER default
SHOW CLUSTERS
SHOW DICTIONARIES
SHOW SETTINGS LIKE 'max%'
SHOW CREATE TABLE spanhouse_migrations
SHOW CREATE TABLE system.users
SHOW COLUMNS FROM users FROM system
SHOW TABLES FROM secret
SHOW TEMPORARY TABLES
SHOW INDEX FROM otel_traces
SHOW FUNCTIONS
SHOW ENGINES
DESCRIBE file('CANARY')
DESCRIBE TABLE file('CANARY')
DESCRIBE TABLE url('http://127.0.0.1:1/x')
DESCRIBE (SELECT file('CANARY'))
DESC s3('http://127.0.0.1:1/x')
DESCRIBE TABLE system.users
DESCRIBE TABLE otel_traces, file('CANARY')
DESCRIBE TABLE otel_traces SETTINGS describe_include_subcolumns = 1
EXISTS TABLE system.users
EXISTS DATABASE default
SELECT file('CANARY')
SELECT FILE('CANARY')
SELECT `file`('CANARY')
SELECT "file"('CANARY')
SELECT/**/file/**/(/**/'CANARY'/**/)
SELECT fi/**/le('CANARY'), file('CANARY')
SELECT file($$CANARY$$)
SELECT file($file$CANARY$file$)
SELECT '/*', file('CANARY'), '*/'
SELECT '--', file('CANARY') -- '
SELECT 1 # '␤ , file('CANARY')
SELECT '\'', file('CANARY'), '\''
SELECT '''', file('CANARY')
SELECT "a\"b", file('CANARY')
SELECT 1 AS `file('x')`, file('CANARY')
SELECT 1 AS "a␤b", file('CANARY')
SELECT /* /* */ file('CANARY') /* */ */
#!/usr/bin/env x␤SELECT file('CANARY')
SELECT 1 WHERE file('CANARY') = ''
SELECT 1 GROUP BY file('CANARY')
SELECT 1 HAVING file('CANARY') = ''
SELECT 1 ORDER BY file('CANARY')
SELECT 1 LIMIT length(file('CANARY'))
SELECT 1 LIMIT 1 OFFSET length(file('CANARY'))
SELECT 1 LIMIT 1 BY file('CANARY')
SELECT 1 FROM otel_traces PREWHERE file('CANARY') = ''
SELECT 1 QUALIFY file('CANARY') = ''
SELECT sum(1) OVER (PARTITION BY file('CANARY'))
SELECT sum(1) OVER w FROM otel_traces WINDOW w AS (ORDER BY file('CANARY'))
SELECT 1 ORDER BY 1 WITH FILL FROM length(file('CANARY')) TO 5
SELECT number AS n FROM numbers(2) ORDER BY n WITH FILL INTERPOLATE (n AS length(file('CANARY')))
SELECT * FROM numbers(length(file('CANARY')))
SELECT * FROM values('a String', file('CANARY'))
SELECT * FROM (VALUES (file('CANARY')))
SELECT * FROM numbers(1) ARRAY JOIN [file('CANARY')] AS a
SELECT * FROM numbers(1) a JOIN numbers(1) b ON file('CANARY') = ''
SELECT * REPLACE (file('CANARY') AS number) FROM numbers(1)
SELECT * APPLY (file) FROM values('a String', 'CANARY')
SELECT * APPLY (x -> file(x)) FROM values('a String', 'CANARY')
SELECT COLUMNS('.*') APPLY file FROM values('a String', 'CANARY')
SELECT arrayMap(x -> file(x), ['CANARY'])
SELECT arrayMap(file, ['CANARY'])
SELECT arrayMap(`file` AS f, ['CANARY'])
SELECT arrayMap((file), ['CANARY'])
SELECT ARRAYMAP(file, ['CANARY'])
SELECT arrayExists(file, ['CANARY'])
SELECT arrayFilter(sleep, [1])
SELECT arraySort(file, ['CANARY'])
SELECT mapApply(file, map('a', 'CANARY'))
SELECT (SELECT (SELECT file('CANARY')))
SELECT EXISTS (SELECT file('CANARY'))
SELECT 1 IN (SELECT file('CANARY'))
SELECT 'CANARY' AS p, file(p)
WITH file('CANARY') AS f SELECT f
WITH (SELECT file('CANARY')) AS f SELECT f
WITH f AS (SELECT file('CANARY')) SELECT * FROM f
WITH RECURSIVE r AS (SELECT file('CANARY') AS a UNION ALL SELECT a FROM r) SELECT * FROM r
SELECT 1 UNION ALL SELECT file('CANARY')
SELECT 1 UNION ALL (SELECT 2 UNION DISTINCT SELECT file('CANARY'))
SELECT '' INTERSECT SELECT file('CANARY')
SELECT '' EXCEPT SELECT file('CANARY')
SELECT CASE WHEN 1 THEN file('CANARY') END
SELECT if(1, file('CANARY'), '')
SELECT count() FILTER (WHERE file('CANARY') != '')
SELECT quantile(length(file('CANARY')))(1)
SELECT file('CANARY')::String
SELECT CAST(file('CANARY') AS String)
SELECT [file('CANARY')][1]
SELECT (file('CANARY'), 1).1
SELECT map('a', file('CANARY'))
SELECT INTERVAL length(file('CANARY')) DAY
FROM numbers(1) SELECT file('CANARY')
FROM numbers(1) |> SELECT file('CANARY')
EXPLAIN SELECT file('CANARY')
EXPLAIN QUERY TREE SELECT file('CANARY')
EXPLAIN AST SELECT file('CANARY')
EXPLAIN INSERT INTO otel_traces SELECT * FROM otel_traces
EXPLAIN CURRENT TRANSACTION
EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
EXPLAIN PLAN optimize = 1, distributed = 1 SELECT 1
SELECT * FROM (EXPLAIN SELECT 1)
SELECT * FROM file('CANARY', 'LineAsString')
SELECT * FROM file('CANARY')
SELECT * FROM `file`('CANARY')
SELECT * FROM FILE('CANARY')
SELECT * FROM otel_traces JOIN file('CANARY', 'CSV', 'a String') f ON 1 = 1
SELECT * FROM (SELECT * FROM (SELECT * FROM file('CANARY')))
SELECT * FROM view(SELECT * FROM file('CANARY'))
SELECT * FROM view(SELECT 1)
SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('a Int8'))
SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))
SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'a String')
SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV', 'a String')
SELECT * FROM gcs('http://127.0.0.1:1/x')
SELECT * FROM azureBlobStorage('x', 'y', 'z')
SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'CSV', 'a String')
SELECT * FROM iceberg('http://127.0.0.1:1/x')
SELECT * FROM deltaLakeLocal('CANARY')
SELECT * FROM remote('127.0.0.1:1', system.one)
SELECT * FROM remoteSecure('127.0.0.1:1', system.one)
SELECT * FROM cluster('default', system.one)
SELECT * FROM clusterAllReplicas('default', system.one)
SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM sqlite('CANARY', 't')
SELECT * FROM mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'a String')
SELECT * FROM redis('127.0.0.1:1', 'a', 'a String')
SELECT * FROM odbc('DSN=x', 'a', 'b')
SELECT * FROM jdbc('jdbc:x', 'a', 'b')
SELECT * FROM executable('cat', 'CSV', 'a String')
SELECT * FROM Python(os)
SELECT * FROM python('import os')
SELECT * FROM eval('SELECT 1')
SELECT * FROM arrowstream(1)
SELECT * FROM input('a String')
SELECT * FROM format(LineAsString, 'x')
SELECT * FROM format('CSV', 'a String', 'x')
SELECT * FROM merge('default', '.*')
SELECT * FROM merge('system', 'users')
SELECT * FROM loop(otel_traces)
SELECT * FROM dictionary('d')
SELECT * FROM generateRandom('a AggregateFunction(sum, UInt8)')
SELECT * FROM fuzzJSON('{}')
SELECT * FROM fuzzQuery('SELECT 1')
SELECT * FROM null('a String')
SELECT * FROM mergeTreeIndex(default, otel_traces)
SELECT * FROM filesystem('/')
SELECT * FROM values('a AggregateFunction(sum, UInt8)', ('x'))
SELECT * FROM spanhouse_migrations
SELECT * FROM default.spanhouse_migrations
SELECT * FROM otlp_traces_landing
SELECT * FROM `default.otel_traces`
SELECT * FROM `system.one`
SELECT * FROM system.users
SELECT * FROM "system"."users"
SELECT * FROM SYSTEM.ONE
SELECT * FROM system.processes
SELECT * FROM system.query_log
SELECT * FROM system.server_settings
SELECT * FROM system.named_collections
SELECT * FROM system.stack_trace
SELECT * FROM system.macros
SELECT * FROM system.disks
SELECT * FROM system.parts
SELECT * FROM system.zookeeper WHERE path = '/'
SELECT * FROM system.certificates
SELECT * FROM system.symbols
SELECT * FROM system.user_query_log
SELECT * FROM information_schema.views
SELECT * FROM Information_Schema.tables
SELECT * FROM secret.otel_traces
SELECT * FROM default.system.users
SELECT * FROM ѕystem.one
SELECT 1 IN system.users
SELECT 1 IN (system.users)
SELECT in(1, system.users)
SELECT 1 GLOBAL NOT IN system.users
SELECT 'x' IN spanhouse_migrations
SELECT 1 NOT IN otlp_spans
SELECT (1, 2) IN system.users
WITH system AS (SELECT 1 AS users) SELECT 1 IN system.users
WITH system AS (SELECT 1 AS users) SELECT * FROM system.users
WITH users AS (SELECT 1) SELECT * FROM system.users
WITH spanhouse_migrations AS (SELECT 1) SELECT * FROM default.spanhouse_migrations
SELECT * FROM (WITH spanhouse_migrations AS (SELECT 1) SELECT * FROM spanhouse_migrations), spanhouse_migrations
SELECT 1 FROM otel_traces AS system WHERE 1 IN system.users
SELECT 1 INTO OUTFILE 'TARGET'
SELECT 1 INTO OUTFILE 'TARGET' AND STDOUT
SELECT 1 INTO OUTFILE 'TARGET' APPEND COMPRESSION 'gzip'
SELECT 1 INTO OUTFILE 'TARGET' FORMAT CSV
SHOW TABLES INTO OUTFILE 'TARGET'
EXPLAIN SELECT 1 INTO OUTFILE 'TARGET'
SELECT 1 SETTINGS max_memory_usage = 0
SELECT 1 SETTINGS readonly = 0
SELECT 1 SETTINGS max_execution_time = 0, max_result_rows = 0
SELECT 1 FORMAT JSON SETTINGS max_threads = 64
SELECT * FROM (SELECT 1 SETTINGS max_threads = 64)
SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 64
SELECT 1 UNION ALL (SELECT 2 SETTINGS max_threads = 64)
SELECT * FROM otel_traces SETTINGS additional_table_filters = {'otel_traces': 'file(\'CANARY\') != \'\''}
SELECT 1 SETTINGS param_x = 1
SELECT 1 FORMAT Protobuf
SELECT 1 FORMAT Template
SELECT 1 FORMAT SQLInsert
SELECT 1 FORMAT NoSuchFormat
SELECT 1; SELECT 2
SELECT 1; DROP TABLE otel_traces
SELECT 1;; SELECT file('CANARY')
SELECT 1 /* ; */ ; SELECT file('CANARY')
SELECT ';'; SELECT file('CANARY')
SELECT 1 FORMAT CSV; SELECT file('CANARY')
EXPLAIN AST SELECT 1; SELECT file('CANARY')
SELECT sleep(1)
SELECT sleepEachRow(1) FROM numbers(3)
SELECT throwIf(1)
SELECT getSetting('max_threads')
SELECT getSettingOrDefault('a', 1)
SELECT getServerSetting('max_connections')
SELECT getMergeTreeSetting('index_granularity')
SELECT getMacro('shard')
SELECT getServerPort('tcp_port')
SELECT getOSKernelVersion()
SELECT getClientHTTPHeader('Authorization')
SELECT hostName(), FQDN(), hostname(), fullHostName()
SELECT serverUUID()
SELECT displayName()
SELECT @@version
SELECT globalVariable('version')
SELECT currentRoles()
SELECT connectionId()
SELECT queryID()
SELECT showCertificate()
SELECT tcpPort()
SELECT filesystemAvailable()
SELECT zookeeperSessionUptime()
SELECT transactionID()
SELECT logTrace('x')
SELECT addressToLine(1)
SELECT addressToSymbol(1)
SELECT demangle('x')
SELECT dictGet('d', 'a', 1)
SELECT dictGetOrDefault('d', 'a', 1, 1)
SELECT dictHas('d', 1)
SELECT joinGet('t', 'a', 1)
SELECT hasColumnInTable('127.0.0.1:1', 'u', 'p', 'system', 'users', 'name')
SELECT evalMLMethod(1, 2)
SELECT catboostEvaluate('CANARY', 1)
SELECT naiveBayesClassifier('x', 'y')
SELECT regionToName(1)
SELECT aiGenerate('x')
SELECT AIEmbed('x')
SELECT generateSerialID('x')
SELECT parseQueryToJSON('SELECT 1')
SELECT formatQuery('SELECT 1')
SELECT fuzzQuery('SELECT 1')
SELECT formatRow('Protobuf', 1)
SELECT structureToProtobufSchema('a Int8')
SELECT __getScalar('x')
SELECT __actionName(1, 'x')
SELECT flameGraph(1)
SELECT finalizeAggregation(CAST('x' AS AggregateFunction(sum, UInt8)))
SELECT CAST(unhex('00'), 'AggregateFunction(uniq, UInt8)')
SELECT CAST(unhex('00') AS aggregatefunction(uniq, UInt8))
SELECT unhex('00')::AggregateFunction(uniq, UInt8)
SELECT CAST(1, concat('Aggregate', 'Function(uniq, UInt8)'))
SELECT CAST(1, arrayJoin(['String']))
SELECT accurateCastOrNull(1, lower('UINT8'))
SELECT JSONExtract('{}', 'a', concat('AggregateFunction', '(sum, UInt8)'))
SELECT JSONExtract('{}', 'a', 'Array(AggregateFunction(sum, UInt8))')
SELECT defaultValueOfTypeName('AggregateFunction(sum, UInt8)')
SELECT reinterpret(1, 'AggregateFunction(sum, UInt8)')
SELECT initializeAggregation('sumState', 1)
SELECT arrayReduce('sumState', [1])
SELECT arrayReduce(concat('sum', 'State'), [1])
SELECT arrayReduceInRanges('sum', [(1, 1)], [1])
SELECT sumState(1)
SELECT sumMerge(x) FROM (SELECT 1 AS x)
SELECT sumMergeState(x) FROM (SELECT 1 AS x)
SELECT uniqStateIf(1, 1)
SELECT bitmapBuild([1])
SELECT runningAccumulate(x) FROM (SELECT 1 AS x)
SELECT no_such_function(1)
SELECT no_such_functionIf(1)
SELECT {x:Identifier}
SELECT * FROM {x:Identifier}
SELECT * FROM {d:Identifier}.{t:Identifier}
SELECT {x:AggregateFunction(sum, UInt8)}
SELECT {x:Array(AggregateFunction(sum, UInt8))}
SELECT CAST(1, {x:String})
SELECT * FROM numbers(1) AS n, LATERAL file('CANARY')
WITH (x -> file(x)) AS f SELECT f('CANARY')
SELECT 1 SAMPLE file('CANARY')
SELECT
"""
HOSTILE = [statement.replace("␤", "\n") for statement in _STATEMENTS.strip().splitlines()]
