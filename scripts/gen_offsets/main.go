// gen_offsets writes server/profile/known_offsets.inc: where the struct fields that the daemon reads
// are, for each Go release, for binaries without DWARF.
//
//	cd scripts/gen_offsets && go run . > ../../server/profile/known_offsets.inc
//
// It builds a small program with the first and the last patch release of each minor release (the
// toolchains come through the Go module proxy) and reads the offsets from its DWARF. Where the two
// agree they hold for every patch release between; where they differ, the releases between are
// bisected until the two that a field moved between are neighbours.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
)

const firstMinor = 15

// builder builds the subject with each toolchain at most once.
type builder struct {
	directory string
	known     map[release]map[string]int64
}

// offsets returns where the fields are in a release, in every map implementation it offers.
func (b *builder) offsets(r release) (map[string]int64, error) {
	if known, ok := b.known[r]; ok {
		return known, nil
	}
	log.Print(r.toolchain())
	directory := filepath.Join(b.directory, r.toolchain())
	merged, err := builtOffsets(r, "", directory)
	if err != nil {
		return nil, err
	}
	if r.minor == 24 || r.minor == 25 {
		// Both map implementations exist; the newer is the default.
		older, err := builtOffsets(r, "noswissmap", directory)
		if err != nil {
			return nil, err
		}
		for key, offset := range older {
			if known, ok := merged[key]; ok && known != offset {
				return nil, fmt.Errorf("%s: GOEXPERIMENT moves %s", r.toolchain(), key)
			}
			merged[key] = offset
		}
	}
	b.known[r] = merged
	return merged, os.RemoveAll(directory)
}

// measure adds the runs of equal offsets among the patch releases of one minor release.
func (b *builder) measure(patches []release, t *table) error {
	first, last := patches[0], patches[len(patches)-1]
	firstOffsets, err := b.offsets(first)
	if err != nil {
		return err
	}
	lastOffsets, err := b.offsets(last)
	if err != nil {
		return err
	}
	if reflect.DeepEqual(firstOffsets, lastOffsets) {
		t.add(run{first, last}, firstOffsets)
		return nil
	}
	if len(patches) == 2 {
		t.add(run{first, first}, firstOffsets)
		t.add(run{last, last}, lastOffsets)
		return nil
	}
	middle := len(patches) / 2
	middleOffsets, err := b.offsets(patches[middle])
	if err != nil {
		return err
	}
	if reflect.DeepEqual(firstOffsets, middleOffsets) {
		t.add(run{first, patches[middle-1]}, firstOffsets)
		return b.measure(patches[middle:], t)
	}
	if err := b.measure(patches[:middle+1], t); err != nil {
		return err
	}
	if middle+1 < len(patches) {
		return b.measure(patches[middle+1:], t)
	}
	return nil
}

func generate(directory string) error {
	available, err := publishedReleases()
	if err != nil {
		return err
	}
	b := builder{directory, map[release]map[string]int64{}}
	var t table
	for minor := firstMinor; len(available[minor]) > 0; minor++ {
		if err := b.measure(available[minor], &t); err != nil {
			return err
		}
	}
	t.print(os.Stdout)
	return nil
}

func main() {
	log.SetFlags(0)
	directory, err := os.MkdirTemp("", "gen_offsets")
	if err != nil {
		log.Fatal(err)
	}
	err = generate(directory)
	os.RemoveAll(directory)
	if err != nil {
		log.Fatal(err)
	}
}
