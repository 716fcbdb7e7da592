package main

import (
	"debug/dwarf"
	"debug/elf"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The fields of server/profile/fields.cc; a unit test compares the two lists.
var fields = map[string][]string{
	"net/http.Request": {"Method", "URL", "ProtoMajor", "ProtoMinor", "Header", "ContentLength",
		"Host", "RemoteAddr", "RequestURI", "TLS", "Pattern", "pat"},
	"net/http.pattern":            {"str"},
	"net/url.URL":                 {"Scheme", "Host", "Path", "RawQuery"},
	"net/http.response":           {"req", "written", "status"},
	"net/http.Response":           {"StatusCode", "ProtoMajor", "ProtoMinor", "ContentLength"},
	"runtime.hmap":                {"count", "B", "buckets"},
	"internal/runtime/maps.Map":   {"dirPtr", "dirLen"},
	"internal/runtime/maps.table": {"groups.data", "groups.lengthMask"},
}

//go:embed subject.go.txt
var subject []byte

// builtOffsets builds the subject with a release and reads the offsets from its DWARF.
func builtOffsets(r release, experiment, directory string) (map[string]int64, error) {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(directory, "main.go"), subject, 0o644); err != nil {
		return nil, err
	}
	module := []byte("module subject\n\ngo 1.15\n")
	if err := os.WriteFile(filepath.Join(directory, "go.mod"), module, 0o644); err != nil {
		return nil, err
	}
	build := exec.Command("go", "build", "-o", "subject", ".")
	build.Dir = directory
	build.Env = append(os.Environ(), "GOTOOLCHAIN="+r.toolchain(), "GOEXPERIMENT="+experiment,
		"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off",
		// Not empty, or flags that a user has set for good would hold, which old releases do not know.
		"GOFLAGS=-mod=mod")
	if r.minor <= 20 {
		// The module index of Go 1.19 and early 1.20 fails where GOROOT lies in the module cache.
		build.Env = append(build.Env, "GODEBUG=goindex=0")
	}
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", r.toolchain(), err, output)
	}
	offsets, err := readOffsets(filepath.Join(directory, "subject"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.toolchain(), err)
	}
	return offsets, nil
}

func readOffsets(path string) (map[string]int64, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	offsets := map[string]int64{}
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return offsets, nil
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType || fields[name] == nil {
			continue
		}
		structType, err := data.Type(entry.Offset)
		if err != nil {
			return nil, err
		}
		for _, member := range fields[name] {
			offset, ok := memberOffset(structType, strings.Split(member, "."))
			if ok {
				offsets[name+"."+member] = offset
			}
		}
	}
}

// memberOffset follows names through structs held by value.
func memberOffset(typ dwarf.Type, names []string) (int64, bool) {
	for {
		alias, ok := typ.(*dwarf.TypedefType)
		if !ok {
			break
		}
		typ = alias.Type
	}
	structType, ok := typ.(*dwarf.StructType)
	if !ok {
		return 0, false
	}
	for _, field := range structType.Field {
		if field.Name != names[0] {
			continue
		}
		if len(names) == 1 {
			return field.ByteOffset, true
		}
		inner, found := memberOffset(field.Type, names[1:])
		return field.ByteOffset + inner, found
	}
	return 0, false
}
