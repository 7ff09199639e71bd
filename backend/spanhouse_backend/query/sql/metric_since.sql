-- When the first point of a metric was made, in any table that has percentiles; NULL when there is none.
SELECT if(count() = 0, NULL, toUnixTimestamp64Nano(min(TimeUnix))) AS first_ns
FROM
(
    SELECT TimeUnix FROM otel_metrics_histogram WHERE MetricName = {metric:String}
    UNION ALL
    SELECT TimeUnix FROM otel_metrics_exp_histogram WHERE MetricName = {metric:String}
)
