package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// release is a minor version and its patch: of Go 1, or of a module with a known major version.
type release struct {
	minor, patch int
}

// toolchain returns the name in GOTOOLCHAIN. Go 1.20 and earlier name their first release
// "go1.20", not "go1.20.0".
func (r release) toolchain() string {
	if r.patch == 0 && r.minor < 21 {
		return fmt.Sprintf("go1.%d", r.minor)
	}
	return fmt.Sprintf("go1.%d.%d", r.minor, r.patch)
}

func (r release) before(other release) bool {
	return r.minor < other.minor || r.minor == other.minor && r.patch < other.patch
}

// number is for digits that an expression has matched; "" is 0.
func number(digits string) int {
	value, _ := strconv.Atoi(digits)
	return value
}

// byMinor sorts releases into those of each minor version, all in ascending order.
func byMinor(seen map[release]bool) [][]release {
	var all []release
	for r := range seen {
		all = append(all, r)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].before(all[j]) })
	var minors [][]release
	for i, r := range all {
		if i == 0 || all[i-1].minor != r.minor {
			minors = append(minors, nil)
		}
		minors[len(minors)-1] = append(minors[len(minors)-1], r)
	}
	return minors
}

// listVersions returns the versions of a module that its proxy lists.
func listVersions(module string) ([]string, error) {
	list := exec.Command("go", "list", "-m", "-versions", module)
	list.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	list.Stderr = os.Stderr
	output, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the versions of %s: %w", module, err)
	}
	return strings.Fields(string(output)), nil
}

const firstGoMinor = 15

var toolchainVersion = regexp.MustCompile(`^v0\.0\.1-go1\.(\d+)(?:\.(\d+))?\.linux-amd64$`)

// publishedGo returns the patch releases of each minor release in ascending order, as the module
// proxy lists them. The first release is always there, listed or not.
func publishedGo() ([][]release, error) {
	versions, err := listVersions("golang.org/toolchain")
	if err != nil {
		return nil, err
	}
	seen := map[release]bool{}
	for _, version := range versions {
		match := toolchainVersion.FindStringSubmatch(version)
		if match == nil || number(match[1]) < firstGoMinor {
			continue
		}
		seen[release{number(match[1]), number(match[2])}] = true // "" is the first release
		seen[release{number(match[1]), 0}] = true
	}
	return byMinor(seen), nil
}
