// gen_offsets writes where the struct fields that the daemon reads are, for binaries without DWARF:
// for each Go release, and for each version of the modules that serve HTTP/2 and gRPC.
//
//	cd scripts/gen_offsets
//	go run . > ../../server/profile/known_offsets.inc
//	go run . -modules > ../../server/profile/known_module_offsets.inc
//	go run . -check ../../server/profile/known_offsets.inc
//	go run . -modules -check ../../server/profile/known_module_offsets.inc
//
// It builds a small program with the first and the last patch release of each minor release (the
// toolchains and modules come through the Go module proxy) and reads the offsets from its DWARF.
// Where the two agree they hold for every patch release between; where they differ, the releases
// between are bisected until the two that a field moved between are neighbours. With -check it
// compares a table with what can be measured without a network: the installed release and the newest
// module in the module cache or, with -cached, all that is there.
package main

import (
	"flag"
	"log"
	"os"
)

func generateGo() error {
	minors, err := publishedGo()
	if err != nil {
		return err
	}
	m := newMeasurer(goOffsets)
	var t table
	for _, patches := range minors {
		if err := m.addRuns(patches, &t); err != nil {
			return err
		}
	}
	t.printGo(os.Stdout)
	return nil
}

func generateModules() error {
	commits := map[commit]offsetsByKey{}
	tables := make([]table, len(subjects))
	for i, s := range subjects {
		minors, err := s.published()
		if err != nil {
			return err
		}
		log.Print(s.path)
		m := newMeasurer(func(r release) (offsetsByKey, error) { return s.offsets(r, commits) })
		for _, patches := range minors {
			if err := m.addRuns(patches, &tables[i]); err != nil {
				return err
			}
		}
	}
	printModules(os.Stdout, tables, commits)
	return nil
}

func main() {
	log.SetFlags(0)
	modules := flag.Bool("modules", false, "write the table of modules")
	file := flag.String("check", "", "compare this table instead of writing one")
	cached := flag.Bool("cached", false, "with -check: measure all that is in the module cache")
	flag.Parse()
	var err error
	switch {
	case *file != "":
		err = check(*file, *modules, *cached)
	case *modules:
		err = generateModules()
	default:
		err = generateGo()
	}
	if err != nil {
		log.Fatal(err)
	}
}
