package main

import (
	"log"
	"reflect"
)

// offsetsByKey are offsets by "package.Struct.member".
type offsetsByKey map[string]int64

// measurer finds the runs of releases whose offsets are equal, measuring each release at most once.
type measurer struct {
	measure func(release) (offsetsByKey, error)
	known   map[release]offsetsByKey
}

func newMeasurer(measure func(release) (offsetsByKey, error)) *measurer {
	return &measurer{measure, map[release]offsetsByKey{}}
}

func (m *measurer) offsets(r release) (offsetsByKey, error) {
	if known, ok := m.known[r]; ok {
		return known, nil
	}
	log.Printf("%d.%d", r.minor, r.patch)
	offsets, err := m.measure(r)
	if err == nil {
		m.known[r] = offsets
	}
	return offsets, err
}

// addRuns adds the runs of equal offsets among the patch releases of one minor release.
func (m *measurer) addRuns(patches []release, t *table) error {
	first, last := patches[0], patches[len(patches)-1]
	firstOffsets, err := m.offsets(first)
	if err != nil {
		return err
	}
	lastOffsets, err := m.offsets(last)
	if err != nil {
		return err
	}
	if reflect.DeepEqual(firstOffsets, lastOffsets) {
		t.add(run{first, last}, firstOffsets)
		return nil
	}
	if len(patches) == 2 {
		t.add(run{first, first}, firstOffsets)
		if last.patch != first.patch+1 {
			// Which of the releases between, that are not to be had, is the first with the new layout is
			// not known: of what moved, nothing is told of any of them.
			t.add(run{release{first.minor, first.patch + 1}, release{last.minor, last.patch - 1}},
				equal(firstOffsets, lastOffsets))
		}
		t.add(run{last, last}, lastOffsets)
		return nil
	}
	middle := len(patches) / 2
	middleOffsets, err := m.offsets(patches[middle])
	if err != nil {
		return err
	}
	if reflect.DeepEqual(firstOffsets, middleOffsets) {
		t.add(run{first, release{first.minor, patches[middle].patch - 1}}, firstOffsets)
		return m.addRuns(patches[middle:], t)
	}
	if err := m.addRuns(patches[:middle+1], t); err != nil {
		return err
	}
	// What comes next begins where this has ended: releases between may not be to be had.
	if middle+1 < len(patches) {
		return m.addRuns(patches[middle:], t)
	}
	return nil
}

// equal returns what two releases have in common.
func equal(a, b offsetsByKey) offsetsByKey {
	common := offsetsByKey{}
	for key, offset := range a {
		if other, ok := b[key]; ok && other == offset {
			common[key] = offset
		}
	}
	return common
}
