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

func (r run) String() string {
	return fmt.Sprintf("%d, %d, %d, %d", r.first.minor, r.first.patch, r.last.minor, r.last.patch)
}

// fieldRun is a run in which a field is at one offset. It may pass from one minor release to the
// next: what lies between is covered by no run of the table.
type fieldRun struct {
	run
	offset int64
}

type table struct {
	runs   []run
	latest offsetsByKey // the offsets of the last run
	fields map[string][]fieldRun
}

// add appends the next run; runs come in ascending order.
func (t *table) add(r run, offsets offsetsByKey) {
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

// at returns what the table says of one release.
func (t *table) at(r release) (offsetsByKey, bool) {
	in := func(run run) bool { return !r.before(run.first) && !run.last.before(r) }
	covered := false
	for _, known := range t.runs {
		covered = covered || in(known)
	}
	offsets := offsetsByKey{}
	for key, runs := range t.fields {
		for _, known := range runs {
			if in(known.run) {
				offsets[key] = known.offset
			}
		}
	}
	return offsets, covered
}

func (t *table) keys() []string {
	keys := make([]string, 0, len(t.fields))
	for key := range t.fields {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

const header = "// Written by scripts/gen_offsets; do not edit."

func (t *table) printGo(w io.Writer) {
	fmt.Fprintln(w, header)
	fmt.Fprintln(w, "// KNOWN_RELEASES(minor, first patch, last patch)")
	for _, r := range t.runs {
		fmt.Fprintf(w, "KNOWN_RELEASES(%d, %d, %d)\n", r.first.minor, r.first.patch, r.last.patch)
	}
	fmt.Fprintln(w, "// KNOWN_OFFSET(field, first minor, first patch, last minor, last patch, offset)")
	for _, key := range t.keys() {
		for _, f := range t.fields[key] {
			fmt.Fprintf(w, "KNOWN_OFFSET(%q, %v, %d)\n", key, f.run, f.offset)
		}
	}
}

func printModules(w io.Writer, tables []table, commits map[commit]offsetsByKey) {
	fmt.Fprintln(w, header)
	fmt.Fprintln(w, "// KNOWN_MODULE_RELEASES(module, major, minor, first patch, last patch)")
	for i, s := range subjects {
		for _, r := range tables[i].runs {
			fmt.Fprintf(w, "KNOWN_MODULE_RELEASES(%q, %d, %d, %d, %d)\n", s.path, s.major, r.first.minor,
				r.first.patch, r.last.patch)
		}
	}
	fmt.Fprintln(w, "// KNOWN_MODULE_OFFSET(module, field, first minor, first patch, last minor, last patch,")
	fmt.Fprintln(w, "//                     offset)")
	for i, s := range subjects {
		for _, key := range tables[i].keys() {
			for _, f := range tables[i].fields[key] {
				fmt.Fprintf(w, "KNOWN_MODULE_OFFSET(%q, %q, %v, %d)\n", s.path, key, f.run, f.offset)
			}
		}
	}
	fmt.Fprintln(w, "// KNOWN_COMMIT_OFFSET(module, version, field, offset)")
	var lines []string
	for c, offsets := range commits {
		for key, offset := range offsets {
			lines = append(lines, fmt.Sprintf("KNOWN_COMMIT_OFFSET(%q, %q, %q, %d)\n", c.module, c.version, key,
				offset))
		}
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Fprint(w, line)
	}
}
