-- Spans of 200 functions over six hours before `end`, four to a trace, with lognormal durations and two attributes.
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode)
SELECT
    fromUnixTimestamp64Nano(toInt64({end:UInt32}) * 1000000000 - toInt64(rand64(1) % 21600000000000)),
    lower(hex(MD5(toString(intDiv(number, 4))))),
    lower(hex(sipHash64(number))),
    if(number % 4 = 0, '', lower(hex(sipHash64(number - number % 4)))),
    concat('shop.checkout.function_', toString(rand(2) % 200)),
    'Internal',
    'checkout',
    map('service.name', 'checkout'),
    map('user.tier', ['gold', 'silver', 'free'][1 + rand(3) % 3], 'cache.hit', if(rand(4) % 2 = 0, 'true', 'false')),
    toUInt64(exp(randNormal(13, 1.5))),
    if(rand(5) % 100 = 0, 'Error', 'Unset')
FROM numbers({first:UInt64}, {count:UInt64})
SETTINGS max_insert_threads = 1
