package main

import (
	"context"
	"encoding/json"
	"os"
	"sort"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

// bench makes unary calls over one connection for so many seconds, and prints as JSON what loadgen
// prints of requests.
func bench(address string, seconds float64, workers int) {
	connection := connect(address)
	durations := make([][]time.Duration, workers)
	began := time.Now()
	wanted := time.Duration(seconds * float64(time.Second))
	var group sync.WaitGroup
	for i := range durations {
		group.Add(1)
		go func(own *[]time.Duration) {
			defer group.Done()
			for before := time.Since(began); before < wanted; {
				check(connection.Invoke(context.Background(), "/calls.Calls/Leaf", wrapperspb.String(""),
					new(wrapperspb.StringValue)))
				after := time.Since(began)
				*own = append(*own, after-before)
				before = after
			}
		}(&durations[i])
	}
	group.Wait()
	took := time.Since(began).Seconds()
	all := []time.Duration{}
	for _, own := range durations {
		all = append(all, own...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	quantile := func(percent int) float64 {
		return float64(all[(len(all)-1)*percent/100].Nanoseconds()) / 1000
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"requests": float64(len(all)), "failed": 0, "seconds": took, "p50_us": quantile(50), "p99_us": quantile(99),
	}))
}
