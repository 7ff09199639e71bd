"""Which of ClickHouse's settings a request may bring, and what becomes of them.

Those that steer the protocol are the port's own affair. Limits may be brought down, never up: what is above the
server's own is brought down to it, as clients ask for all sorts of things without being told to. Settings that change
how an answer is computed or written, and can do nothing else, go on to the engine. What drivers and tools always send,
and what means nothing here, is left alone. Everything else is refused by name.
"""

import re
from collections.abc import Mapping

from spanhouse_backend.query.clickhouse_http.errors import Code, Refused
from spanhouse_backend.store.sandbox import Limits

PROTOCOL = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_native_compression_disable_checksumming_on_decompress",
        "http_response_buffer_size",
        "http_wait_end_of_query",
        "http_write_exception_in_output_format",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
"""Parameters of a request that are no settings of its statement."""
# Which of our limits is the most that one of these may be.
_LIMITS = {
    "max_execution_time": "seconds",
    "max_memory_usage": "memory_bytes",
    "max_result_bytes": "result_bytes",
    "max_result_rows": "rows",
    "max_threads": "threads",
}
# Bounds that the server does not set.
_FURTHER_LIMITS = frozenset({"limit", "max_block_size", "max_bytes_to_read", "max_rows_to_read", "offset"})
# How an answer is computed and written.
_HARMLESS = frozenset(
    {
        "aggregate_functions_null_for_empty",
        "bool_false_representation",
        "bool_true_representation",
        "cast_keep_nullable",
        "date_time_output_format",
        "extremes",
        "final",
        "format_binary_max_string_size",
        "format_csv_delimiter",
        "format_csv_null_representation",
        "format_tsv_null_representation",
        "group_by_use_nulls",
        "interval_output_format",
        "join_use_nulls",
        "optimize_read_in_order",
        "output_format_arrow_compression_method",
        "output_format_arrow_string_as_string",
        "output_format_csv_crlf_end_of_line",
        "output_format_decimal_trailing_zeros",
        "output_format_json_array_of_rows",
        "output_format_json_escape_forward_slashes",
        "output_format_json_named_tuples_as_objects",
        "output_format_json_quote_64bit_floats",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_decimals",
        "output_format_json_quote_denormals",
        "output_format_json_skip_null_value_in_named_tuples",
        "output_format_json_validate_utf8",
        "output_format_native_encode_types_in_binary_format",
        "output_format_native_write_json_as_string",
        "output_format_parquet_compression_method",
        "output_format_parquet_row_group_size",
        "output_format_parquet_string_as_string",
        "output_format_pretty_color",
        "output_format_pretty_max_rows",
        "output_format_tsv_crlf_end_of_line",
        "output_format_write_statistics",
        "prefer_column_name_to_alias",
        "session_timezone",
        "totals_mode",
        "transform_null_in",
        "union_default_mode",
    }
)
# What clients and their tools send, and what makes no difference here.
_IGNORED = frozenset(
    {
        "allow_experimental_analyzer",
        "async_insert",
        "connect_timeout",
        "enable_analyzer",
        "enable_named_columns_in_function_tuple",
        "input_format_native_allow_types_conversion",
        "insert_deduplicate",
        "log_comment",
        "log_queries",
        "max_insert_block_size",
        "max_partitions_per_insert_block",
        "max_query_size",
        "optimize_move_to_prewhere",
        "output_format_native_use_flattened_dynamic_and_json_serialization",
        "priority",
        "readonly",
        "receive_timeout",
        "result_overflow_mode",
        "send_timeout",
        "timeout_overflow_mode",
        "use_query_cache",
        "wait_for_async_insert",
    }
)
# Names of files on the server's machine, how a statement is read, which was checked as it is read now, and our own.
_NEVER = re.compile(r"format_template_.*|output_format_schema|.*_(path|file)|.*dialect|implicit_.*|query_cache_tag")
_NUMBER = re.compile(r"\d{1,18}(\.\d+)?")


def reading_settings(given: Mapping[str, str], limits: Limits) -> dict[str, str]:
    """The settings for a statement that only reads, in order; the last locks the others.

    Raises Refused for what may not be set, or not so.
    """
    settings = {name: str(getattr(limits, field)) for name, field in _LIMITS.items()}
    settings["result_overflow_mode"] = "throw"  # an answer that was cut would look like one that was not
    for name, value in given.items():
        if name in _LIMITS:
            if 0 < _number(name, value) < int(settings[name]):  # 0 would be none
                settings[name] = value
        elif name in _FURTHER_LIMITS:
            _number(name, value)
            settings[name] = value
        elif name in _HARMLESS:
            settings[name] = value
        elif name not in _IGNORED:
            raise Refused(
                Code.SETTING_CONSTRAINT_VIOLATION,
                f"the setting {name[:100]} is not open here: leave it out; docs/clickhouse-http.md lists what is",
            )
    return settings | {"readonly": "1"}


def writing_settings(given: Mapping[str, str]) -> dict[str, str]:
    """The settings for a statement of an administrator: all but those that lead to files of the machine."""
    if given.get("format_schema") and given.get("format_schema_source") != "string":
        raise Refused(Code.SETTING_CONSTRAINT_VIOLATION, "format_schema is taken with format_schema_source=string only")
    for name in given:
        if name not in ("format_schema", "format_schema_source") and _NEVER.fullmatch(name):
            raise Refused(Code.SETTING_CONSTRAINT_VIOLATION, f"the setting {name[:100]} is not open here: leave it out")
    # It locks the others.
    last = {name: value for name, value in given.items() if name == "readonly"}
    return {name: value for name, value in given.items() if name != "readonly"} | last


def _number(name: str, value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise Refused(Code.BAD_ARGUMENTS, f"{name}: {value[:100]!r} is not a number")
    return float(value)
