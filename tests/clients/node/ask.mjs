// What a program in JavaScript does with the official client: prints one JSON object of what it found.
import { createClient } from "@clickhouse/client";

const [url, token] = process.argv.slice(2);
const options = { url, clickhouse_settings: { output_format_json_quote_64bit_integers: 1 } };
const client = createClient(token ? { ...options, username: "default", password: token } : options);
const packed = createClient({ ...options, ...(token && { password: token }), compression: { response: true } });
const found = {};

found.ping = (await client.ping()).success;

const json = await client.query({
  query: "SELECT ServiceName AS service, count() AS calls FROM otel_traces WHERE ServiceName = {service: String} GROUP BY 1",
  query_params: { service: "it's \\ a\nshop" },
  query_id: "from-node",
});
found.queryId = json.query_id;
found.rows = (await json.json()).data;

const each = await client.query({ query: "SELECT number FROM numbers(300000)", format: "JSONEachRow" });
let sum = 0;
for await (const rows of each.stream()) for (const row of rows) sum += Number(row.json().number);
found.sum = sum;

const compact = await packed.query({
  query: "SELECT [1, 2] AS a, map('k', {n: UInt8}) AS m, NULL AS nothing",
  query_params: { n: 7 },
  format: "JSONCompactEachRowWithNamesAndTypes",
});
found.compact = await compact.json();

try {
  await client.query({ query: "SELECT file('/etc/passwd')" });
} catch (error) {
  found.refused = { code: error.code, type: error.type };
}
try {
  const late = await client.query({ query: "SELECT number FROM numbers(2000000)", format: "JSONEachRow" });
  for await (const rows of late.stream()) void rows;
  found.late = "not noticed";
} catch (error) {
  found.late = "noticed";
}

const abort = new AbortController();
const endless = client.query({ query: "SELECT sum(sipHash64(number)) FROM numbers(1e15)", abort_signal: abort.signal });
setTimeout(() => abort.abort(), 500);
found.aborted = await endless.then(() => false, () => true);

await client.close();
await packed.close();
console.log(JSON.stringify(found));
