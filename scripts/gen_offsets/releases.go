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

// release is a patch release of Go 1.
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

var toolchainVersion = regexp.MustCompile(`^v0\.0\.1-go1\.(\d+)(?:\.(\d+))?\.linux-amd64$`)

// publishedReleases returns the patch releases of each minor release in ascending order, as the
// module proxy lists them. The first release is always there, listed or not.
func publishedReleases() (map[int][]release, error) {
	list := exec.Command("go", "list", "-m", "-versions", "golang.org/toolchain")
	list.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	list.Stderr = os.Stderr
	output, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the published toolchains: %w", err)
	}
	seen := map[release]bool{}
	for _, version := range strings.Fields(string(output)) {
		match := toolchainVersion.FindStringSubmatch(version)
		if match == nil {
			continue
		}
		minor, _ := strconv.Atoi(match[1])
		patch, _ := strconv.Atoi(match[2]) // "" is the first release
		seen[release{minor, patch}] = true
		seen[release{minor, 0}] = true
	}
	releases := map[int][]release{}
	for r := range seen {
		releases[r.minor] = append(releases[r.minor], r)
	}
	for _, patches := range releases {
		sort.Slice(patches, func(i, j int) bool { return patches[i].before(patches[j]) })
	}
	return releases, nil
}
