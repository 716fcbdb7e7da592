package main

import (
	"fmt"
	"regexp"
	"strings"
)

// tables are what a checked-in file holds: one table for Go, or one for each of subjects.
type tables struct {
	byModule map[string]*table // "" for Go
	majors   map[string]int
	commits  map[commit]offsetsByKey
}

var (
	goReleasesLine = regexp.MustCompile(`^KNOWN_RELEASES\((\d+), (\d+), (\d+)\)$`)
	goOffsetLine   = regexp.MustCompile(
		`^KNOWN_OFFSET\("([^"]+)", (\d+), (\d+), (\d+), (\d+), (\d+)\)$`)
	moduleReleasesLine = regexp.MustCompile(
		`^KNOWN_MODULE_RELEASES\("([^"]+)", (\d+), (\d+), (\d+), (\d+)\)$`)
	moduleOffsetLine = regexp.MustCompile(
		`^KNOWN_MODULE_OFFSET\("([^"]+)", "([^"]+)", (\d+), (\d+), (\d+), (\d+), (\d+)\)$`)
	commitLine = regexp.MustCompile(
		`^KNOWN_COMMIT_OFFSET\("([^"]+)", "([^"]+)", "([^"]+)", (\d+)\)$`)
)

func parse(text string) (*tables, error) {
	t := &tables{map[string]*table{}, map[string]int{}, map[commit]offsetsByKey{}}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if !strings.HasPrefix(line, "//") && !t.take(line) {
			return nil, fmt.Errorf("not a line of a table: %s", line)
		}
	}
	return t, nil
}

// take reads one line; false where it is none of a table.
func (t *tables) take(line string) bool {
	if m := goReleasesLine.FindStringSubmatch(line); m != nil {
		t.of("").addRun(m[1:])
	} else if m := goOffsetLine.FindStringSubmatch(line); m != nil {
		t.of("").addField(m[1], m[2:])
	} else if m := moduleReleasesLine.FindStringSubmatch(line); m != nil {
		t.majors[m[1]] = number(m[2])
		t.of(m[1]).addRun(m[3:])
	} else if m := moduleOffsetLine.FindStringSubmatch(line); m != nil {
		t.of(m[1]).addField(m[2], m[3:])
	} else if m := commitLine.FindStringSubmatch(line); m != nil {
		c := commit{m[1], m[2]}
		if t.commits[c] == nil {
			t.commits[c] = offsetsByKey{}
		}
		t.commits[c][m[3]] = int64(number(m[4]))
	} else {
		return false
	}
	return true
}

func (t *tables) of(module string) *table {
	if t.byModule[module] == nil {
		t.byModule[module] = &table{fields: map[string][]fieldRun{}}
	}
	return t.byModule[module]
}

// addRun takes a minor version and its first and last patch.
func (t *table) addRun(n []string) {
	minor := number(n[0])
	t.runs = append(t.runs, run{release{minor, number(n[1])}, release{minor, number(n[2])}})
}

// addField takes the first and the last release and the offset.
func (t *table) addField(key string, n []string) {
	t.fields[key] = append(t.fields[key], fieldRun{
		run{release{number(n[0]), number(n[1])}, release{number(n[2]), number(n[3])}},
		int64(number(n[4]))})
}

// consistent checks what holds of every table: runs ascend, and those of fields begin and end where
// runs of releases do.
func (t *table) consistent() error {
	begins, ends := map[release]bool{}, map[release]bool{}
	var latest release
	for i, r := range t.runs {
		if r.last.before(r.first) || i > 0 && !latest.before(r.first) {
			return fmt.Errorf("the releases %v do not follow those before", r)
		}
		begins[r.first], ends[r.last], latest = true, true, r.last
	}
	for _, key := range t.keys() { // in order, so that the first fault is always the same one
		runs := t.fields[key]
		for i, r := range runs {
			if !begins[r.first] || !ends[r.last] || r.last.before(r.first) ||
				i > 0 && !runs[i-1].last.before(r.first) {
				return fmt.Errorf("%s: %v is not made of runs of releases", key, r.run)
			}
		}
	}
	return nil
}
