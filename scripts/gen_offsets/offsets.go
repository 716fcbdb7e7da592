package main

import (
	"debug/dwarf"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

var goFields = membersByStruct{
	// The fields of server/profile/fields.cc; a unit test compares the two lists.
	"net/http.Request": {"Method", "URL", "ProtoMajor", "ProtoMinor", "Header", "ContentLength",
		"Host", "RemoteAddr", "RequestURI", "TLS", "Pattern", "pat", "ctx"},
	"net/http.pattern":     {"str"},
	"net/url.URL":          {"Scheme", "Host", "Path", "RawQuery"},
	"net/http.response":    {"req", "written", "status", "conn"},
	"net/http.conn":        {"hijackedv", "werr", "rwc"},
	"net/http.persistConn": {"conn", "tlsState", "bw"},
	"bufio.Writer":         {"err", "buf", "n"},
	"internal/poll.FD":     {"Sysfd", "pd"},
	"net/http.Response":    {"StatusCode", "ProtoMajor", "ProtoMinor", "ContentLength", "Body"},
	// Bodies of responses.
	"net/http.Server":                      {"Handler"},
	"net/http.chunkWriter":                 {"res"},
	"net/http.bodyEOFSignal":               {"fn"},
	"net/http.gzipReader":                  {"body"},
	"net/http.http2gzipReader":             {"body"},
	"net/http.http2clientStream":           {"bufPipe.err", "cc", "ID"},
	"net/http.http2ClientConn":             {"tconn", "tlsState"},
	"net/http/internal/http2.gzipReader":   {"body"},
	"net/http/internal/http2.clientStream": {"bufPipe.err", "cc", "ID"},
	"net/http/internal/http2.ClientConn":   {"tconn", "tlsState"},
	"runtime.hmap":                         {"count", "B", "buckets"},
	"internal/runtime/maps.Map":            {"dirPtr", "dirLen"},
	"internal/runtime/maps.table":          {"groups.data", "groups.lengthMask"},
	// What hands work from one goroutine to another.
	"runtime.g":         {"m", "waiting", "sched.ctxt"},
	"runtime.m":         {"curg"},
	"runtime.timer":     {"arg"},
	"runtime.timeTimer": {"timer.arg"},
	"runtime.hchan":     {"sendx", "lock"},
	"runtime.sudog":     {"c", "waitlink"},
	"runtime.scase":     {"kind"},
	// HTTP/2, bundled in net/http (h2_bundle.go) up to Go 1.26.
	"net/http.http2responseWriter": {"rws"},
	"net/http.http2responseWriterState": {"stream", "req", "status", "wroteHeader",
		"wroteBytes"},
	"net/http.http2stream":           {"id", "sc"},
	"net/http.http2serverConn":       {"conn", "hs"},
	"net/http.http2MetaHeadersFrame": {"Fields"},
	// A package of its own since Go 1.27; there req is held by value and no *net/http.Request.
	"net/http/internal/http2.responseWriter": {"rws"},
	"net/http/internal/http2.responseWriterState": {"stream", "req.Method", "req.URL",
		"req.Header", "req.Host", "req.RequestURI", "req.RemoteAddr", "req.ContentLength", "req.TLS", "status", "wroteHeader", "wroteBytes"},
	"net/http/internal/http2.stream":           {"id", "sc"},
	"net/http/internal/http2.serverConn":       {"conn"},
	"net/http/internal/http2.MetaHeadersFrame": {"Fields"},
}

//go:embed subjects/go.txt
var goSubject []byte

func acceptAll(string, []*dwarf.StructField) bool { return true }

// goOffsets measures a release, in every map implementation it offers.
func goOffsets(r release) (offsetsByKey, error) {
	merged, err := goOffsetsWith(r, "")
	if err != nil || (r.minor != 24 && r.minor != 25) {
		return merged, err
	}
	// Both map implementations exist; the newer is the default.
	older, err := goOffsetsWith(r, "noswissmap")
	if err != nil {
		return nil, err
	}
	for key, offset := range older {
		if known, ok := merged[key]; ok && known != offset {
			return nil, fmt.Errorf("%s: GOEXPERIMENT moves %s", r.toolchain(), key)
		}
		merged[key] = offset
	}
	return merged, nil
}

// goOffsetsWith builds the subject with a release and reads the offsets from its DWARF.
func goOffsetsWith(r release, experiment string) (offsetsByKey, error) {
	environment := []string{"GOTOOLCHAIN=" + r.toolchain(), "GOEXPERIMENT=" + experiment}
	if r.minor <= 20 {
		// The module index of Go 1.19 and early 1.20 fails where GOROOT lies in the module cache.
		environment = append(environment, "GODEBUG=goindex=0")
	}
	var offsets offsetsByKey
	err := withProgram(goSubject, "module subject\n\ngo 1.15\n", environment, func(path string) error {
		var err error
		offsets, err = readOffsets(path, goFields, acceptAll)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.toolchain(), err)
	}
	return offsets, nil
}

// withProgram builds a program of one file and calls `use` with its path.
func withProgram(source []byte, module string, environment []string, use func(string) error) error {
	directory, err := os.MkdirTemp("", "gen_offsets")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	if err := os.WriteFile(filepath.Join(directory, "main.go"), source, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, "go.mod"), []byte(module), 0o644); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-o", "subject", ".")
	build.Dir = directory
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off",
		// Not empty, or flags that a user has set for good would hold, which old releases do not know.
		"GOFLAGS=-mod=mod")
	build.Env = append(build.Env, environment...)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return use(filepath.Join(directory, "subject"))
}
