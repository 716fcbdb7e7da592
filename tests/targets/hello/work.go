package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// addWorkingRoutes adds routes that use as much time of a CPU as ?us= says, in microseconds.
func addWorkingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("/work", serveWork)
	mux.HandleFunc("/json", serveJSON)
}

func serveWork(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, work(intParameter(r, "us", 0)))
}

func serveJSON(w http.ResponseWriter, r *http.Request) {
	type item struct {
		ID    uint64   `json:"id"`
		Names []string `json:"names"`
	}
	items := make([]item, 16)
	for i := range items {
		items[i] = item{work(0) + uint64(i), []string{"one", "two"}}
	}
	items[0].ID = work(intParameter(r, "us", 0))
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(items)
}

var (
	measure             sync.Once
	roundsInMillisecond int
)

// work is the same number of instructions each time, and not the same time on the clock: what takes
// the CPU away meanwhile must show.
func work(microseconds int) uint64 {
	measure.Do(func() {
		const rounds = 1 << 20
		shortest := time.Hour
		for i := 0; i < 8; i++ {
			began := time.Now()
			scramble(rounds)
			if took := time.Since(began); took < shortest {
				shortest = took
			}
		}
		roundsInMillisecond = int(rounds * time.Millisecond / shortest)
	})
	return scramble(microseconds * roundsInMillisecond / 1000)
}

//go:noinline
func scramble(rounds int) uint64 {
	value := uint64(88172645463325252)
	for i := 0; i < rounds; i++ {
		value ^= value << 13
		value ^= value >> 7
		value ^= value << 17
	}
	return value
}
