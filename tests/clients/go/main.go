// What Grafana's data source does with clickhouse-go over HTTP: prints one JSON object of what it found.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	found := map[string]any{}
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone,
		"lz4":  clickhouse.CompressionLZ4,
		"zstd": clickhouse.CompressionZSTD,
		"gzip": clickhouse.CompressionGZIP,
	} {
		db := clickhouse.OpenDB(&clickhouse.Options{
			Addr:        []string{os.Args[1]},
			Protocol:    clickhouse.HTTP,
			Auth:        clickhouse.Auth{Database: "default", Username: "default", Password: os.Args[2]},
			Settings:    clickhouse.Settings{"max_execution_time": 60},
			Compression: &clickhouse.Compression{Method: method, Level: 3},
		})
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		must(db.PingContext(ctx))
		var calls, sum uint64
		var started time.Time
		var names map[string]string
		must(db.QueryRowContext(ctx, "SELECT count(), min(Timestamp), any(ResourceAttributes) FROM otel_traces WHERE ServiceName = {service:String}",
			clickhouse.Named("service", "shop")).Scan(&calls, &started, &names))
		rows, err := db.QueryContext(ctx, "SELECT number, toString(number), [number] FROM numbers(300000)")
		must(err)
		for rows.Next() {
			var number uint64
			var text string
			var list []uint64
			must(rows.Scan(&number, &text, &list))
			sum += number
		}
		must(rows.Err())
		_, err = db.QueryContext(ctx, "SELECT no_such_column FROM otel_traces")
		wrong := err != nil && strings.Contains(err.Error(), "Code: 47.")
		cancel()
		found[name] = map[string]any{"calls": calls, "sum": sum, "service": names["service.name"], "recent": time.Since(started) < time.Hour, "wrong": wrong}
		must(db.Close())
	}
	must(json.NewEncoder(os.Stdout).Encode(found))
}
