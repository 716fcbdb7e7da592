package main

import (
	"fmt"
	"io"
	"reflect"
	"sort"
)

// run is a run of releases, both ends included.
type run struct {
	first, last release
}

// fieldRun is a run in which a field is at one offset. It may pass from one minor release to the
// next: what lies between is covered by no run of the table.
type fieldRun struct {
	run
	offset int64
}

type table struct {
	runs   []run
	latest map[string]int64 // the offsets of the last run
	fields map[string][]fieldRun
}

// add appends the next run; runs come in ascending order.
func (t *table) add(r run, offsets map[string]int64) {
	if t.fields == nil {
		t.fields = map[string][]fieldRun{}
	}
	for key, offset := range offsets {
		known := t.fields[key]
		end := len(known) - 1
		if end >= 0 && known[end].offset == offset && known[end].last == t.runs[len(t.runs)-1].last {
			known[end].last = r.last
			continue
		}
		t.fields[key] = append(known, fieldRun{r, offset})
	}
	end := len(t.runs) - 1
	if end >= 0 && t.runs[end].last.minor == r.first.minor && reflect.DeepEqual(t.latest, offsets) {
		t.runs[end].last = r.last
	} else {
		t.runs = append(t.runs, r)
	}
	t.latest = offsets
}

func (t *table) print(w io.Writer) {
	fmt.Fprintln(w, "// Written by scripts/gen_offsets; do not edit.")
	fmt.Fprintln(w, "// KNOWN_RELEASES(minor, first patch, last patch)")
	for _, r := range t.runs {
		fmt.Fprintf(w, "KNOWN_RELEASES(%d, %d, %d)\n", r.first.minor, r.first.patch, r.last.patch)
	}
	fmt.Fprintln(w, "// KNOWN_OFFSET(field, first minor, first patch, last minor, last patch, offset)")
	keys := make([]string, 0, len(t.fields))
	for key := range t.fields {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		for _, f := range t.fields[key] {
			fmt.Fprintf(w, "KNOWN_OFFSET(%q, %d, %d, %d, %d, %d)\n", key, f.first.minor, f.first.patch,
				f.last.minor, f.last.patch, f.offset)
		}
	}
}
