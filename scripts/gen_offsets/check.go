package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"sort"
	"strings"
)

// check compares the checked-in table in the file `path` with what can be measured without a network:
// the installed Go release, or for modules the newest version in the module cache. With `cached`,
// each end of a run of the table that is there. It prints what it compared, or why nothing could be.
func check(path string, modules, cached bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t, err := parse(string(text))
	if err != nil {
		return err
	}
	for _, of := range t.byModule {
		if err := of.consistent(); err != nil {
			return err
		}
	}
	var again bytes.Buffer
	if modules {
		all := make([]table, len(subjects))
		for i, s := range subjects {
			all[i] = *t.of(s.path)
		}
		printModules(&again, all, t.commits)
	} else {
		t.of("").printGo(&again)
	}
	if again.String() != string(text) {
		return fmt.Errorf("%s is not in the form in which it is written", path)
	}
	os.Setenv("GOPROXY", "off")
	if modules {
		return checkModules(t, cached)
	}
	return checkGo(t.of(""), cached)
}

var goVersion = regexp.MustCompile(`^go1\.(\d+)(?:\.(\d+))?$`)

// installedRelease returns the release of the go command; false for previews and vendors' builds.
func installedRelease() (release, bool) {
	version := exec.Command("go", "env", "GOVERSION")
	version.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	output, err := version.Output()
	match := goVersion.FindStringSubmatch(strings.TrimSpace(string(output)))
	if err != nil || match == nil {
		return release{}, false
	}
	return release{number(match[1]), number(match[2])}, true
}

func checkGo(t *table, cached bool) error {
	var candidates []release
	if installed, ok := installedRelease(); ok {
		candidates = append(candidates, installed)
	}
	if cached {
		candidates = append(candidates, t.ends()...)
	}
	compared := 0
	for _, r := range candidates {
		have := exec.Command("go", "version")
		have.Env = append(os.Environ(), "GOTOOLCHAIN="+r.toolchain(), "GOFLAGS=-mod=mod")
		known, covered := t.at(r)
		if !covered || have.Run() != nil {
			continue
		}
		measured, err := goOffsets(r)
		if err != nil {
			return err
		}
		if err := compare(r.toolchain(), known, measured); err != nil {
			return err
		}
		compared++
	}
	if compared == 0 {
		fmt.Println("skipped: the installed Go release is not in the table")
	}
	return nil
}

func checkModules(t *tables, cached bool) error {
	compared := 0
	for _, s := range subjects {
		of := t.of(s.path)
		ends := of.ends()
		for i := len(ends) - 1; i >= 0; i-- {
			commits := map[commit]offsetsByKey{}
			if t.majors[s.path] != s.major || !s.buildable(ends[i]) {
				continue
			}
			measured, err := s.offsets(ends[i], commits)
			if err != nil {
				return err
			}
			known, _ := of.at(ends[i])
			if err := compare(s.path+" "+s.version(ends[i]), known, measured); err != nil {
				return err
			}
			for c, offsets := range commits {
				if err := compare(c.module+" "+c.version, t.commits[c], offsets); err != nil {
					return err
				}
			}
			compared++
			if !cached {
				break
			}
		}
	}
	if compared == 0 {
		fmt.Println("skipped: no version in the table is in the module cache")
	}
	return nil
}

// buildable says whether the subject can be built with a version without a network.
func (s subject) buildable(r release) bool {
	module := fmt.Sprintf("module subject\n\ngo 1.21\n\nrequire %s %s\n", s.path, s.version(r))
	return withProgram(s.source, module, nil, func(string) error { return nil }) == nil
}

// ends returns the first and the last release of each run.
func (t *table) ends() []release {
	var ends []release
	for _, r := range t.runs {
		ends = append(ends, r.first)
		if r.last != r.first {
			ends = append(ends, r.last)
		}
	}
	return ends
}

func compare(what string, known, measured offsetsByKey) error {
	if reflect.DeepEqual(known, measured) {
		fmt.Printf("%s: %d offsets as measured\n", what, len(measured))
		return nil
	}
	keys := map[string]bool{}
	for key := range known {
		keys[key] = true
	}
	for key := range measured {
		keys[key] = true
	}
	var wrong []string
	for key := range keys {
		in, inTable := known[key]
		is, isThere := measured[key]
		switch {
		case !inTable:
			wrong = append(wrong, fmt.Sprintf("%s is at %d and not in the table", key, is))
		case !isThere:
			wrong = append(wrong, fmt.Sprintf("%s does not exist, and is at %d in the table", key, in))
		case in != is:
			wrong = append(wrong, fmt.Sprintf("%s is at %d, and at %d in the table", key, is, in))
		}
	}
	sort.Strings(wrong)
	return fmt.Errorf("%s: %s; write the table anew", what, strings.Join(wrong, "; "))
}
