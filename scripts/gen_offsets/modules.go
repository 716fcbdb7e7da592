package main

import (
	"debug/buildinfo"
	"debug/dwarf"
	_ "embed"
	"fmt"
	"log"
	"regexp"
	"strings"
)

//go:embed subjects/net.txt
var netSubject []byte

//go:embed subjects/grpc.txt
var grpcSubject []byte

//go:embed subjects/gin.txt
var ginSubject []byte

//go:embed subjects/chi.txt
var chiSubject []byte

//go:embed subjects/chi1.txt
var chi1Subject []byte

//go:embed subjects/echo.txt
var echoSubject []byte

//go:embed subjects/gorilla.txt
var gorillaSubject []byte

// subject is a module whose versions are measured, and the program that is built with each.
type subject struct {
	path   string
	major  int
	first  release
	source []byte
	fields membersByStruct
}

var subjects = []subject{
	{"golang.org/x/net", 0, release{1, 0}, netSubject, membersByStruct{
		"golang.org/x/net/http2.responseWriter": {"rws"},
		"golang.org/x/net/http2.responseWriterState": {"stream", "req", "status", "wroteHeader",
			"wroteBytes"},
		"golang.org/x/net/http2.stream":           {"id", "sc"},
		"golang.org/x/net/http2.clientStream":     {"cc", "ID"},
		"golang.org/x/net/http2.ClientConn":       {"tconn", "tlsState"},
		"golang.org/x/net/http2.serverConn":       {"conn", "hs"},
		"golang.org/x/net/http2.MetaHeadersFrame": {"Fields"},
	}},
	{"google.golang.org/grpc", 1, release{42, 0}, grpcSubject, membersByStruct{
		"google.golang.org/grpc/internal/transport.Stream":  {"id", "ctx", "method"},
		"google.golang.org/grpc/internal/transport.CallHdr": {"Host", "Method"},
		// Since 1.69: a pointer to a Stream first, later (where Stream.id is found) one by value.
		"google.golang.org/grpc/internal/transport.ServerStream": {"Stream", "Stream.id",
			"Stream.method"},
		// Since 1.60 the address of the peer is in a peer.Peer by value.
		"google.golang.org/grpc/internal/transport.http2Server":            {"conn", "remoteAddr", "peer.Addr"},
		"google.golang.org/grpc/internal/transport.http2Client":            {"conn", "remoteAddr"},
		"google.golang.org/grpc/internal/transport.serverHandlerTransport": {"req"},
		"google.golang.org/grpc/internal/status.Status":                    {"s"},
		"google.golang.org/grpc/internal/status.Error":                     {"s", "e"},
		"google.golang.org/grpc.ClientConn":                                {"target"},
		"google.golang.org/grpc.clientStream":                              {"callHdr", "ctx"},
		// Since 1.71 it is called transport.
		"google.golang.org/grpc.csAttempt": {"t", "transport"},
	}},
	{"github.com/gin-gonic/gin", 1, release{6, 0}, ginSubject, membersByStruct{
		"github.com/gin-gonic/gin.Context": {"fullPath", "handlers"},
	}},
	{"github.com/go-chi/chi/v5", 5, release{0, 0}, chiSubject, membersByStruct{
		"github.com/go-chi/chi/v5.Context": {"RoutePatterns"},
	}},
	{"github.com/go-chi/chi", 1, release{5, 0}, chi1Subject, membersByStruct{
		"github.com/go-chi/chi.Context": {"RoutePatterns"},
	}},
	{"github.com/labstack/echo/v4", 4, release{1, 0}, echoSubject, membersByStruct{
		"github.com/labstack/echo/v4.context": {"handler", "path"},
	}},
	{"github.com/gorilla/mux", 1, release{7, 0}, gorillaSubject, membersByStruct{
		"github.com/gorilla/mux.Route":       {"handler", "routeConf.regexp.path"},
		"github.com/gorilla/mux.routeRegexp": {"template"},
	}},
}

// Modules that have no released versions, only the commits that others require. A program may have
// another commit than its version of grpc requires, so that nothing follows from that version.
var commitFields = membersByStruct{
	"google.golang.org/genproto/googleapis/rpc/status.Status": {"Code"},
}

// commit is one version without a number of a module: "v0.0.0-20230410155749-daa745c078e1".
type commit struct {
	module, version string
}

func (s subject) version(r release) string {
	return fmt.Sprintf("v%d.%d.%d", s.major, r.minor, r.patch)
}

var moduleVersion = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)$`)

// published returns the releases of each minor version from the first one on, in ascending order.
func (s subject) published() ([][]release, error) {
	versions, err := listVersions(s.path)
	if err != nil {
		return nil, err
	}
	seen := map[release]bool{}
	for _, version := range versions {
		match := moduleVersion.FindStringSubmatch(version)
		if match == nil || number(match[1]) != s.major {
			continue
		}
		if r := (release{number(match[2]), number(match[3])}); !r.before(s.first) {
			seen[r] = true
		}
	}
	return byMinor(seen), nil
}

// offsets builds the subject with one version; what it tells of commits is added to `commits`.
func (s subject) offsets(r release, commits map[commit]offsetsByKey) (offsetsByKey, error) {
	module := fmt.Sprintf("module subject\n\ngo 1.21\n\nrequire %s %s\n", s.path, s.version(r))
	var offsets offsetsByKey
	err := withProgram(s.source, module, nil, func(path string) error {
		var err error
		if offsets, err = readOffsets(path, s.fields, own(s.path)); err != nil {
			return err
		}
		return readCommits(path, commits)
	})
	if err == nil && len(offsets) == 0 {
		err = fmt.Errorf("none of the structs is in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", s.path, s.version(r), err)
	}
	return offsets, nil
}

func readCommits(path string, commits map[commit]offsetsByKey) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	for name, members := range commitFields {
		var module commit
		for _, dependency := range info.Deps {
			// Of nested modules, the innermost has the package.
			if strings.HasPrefix(name, dependency.Path+"/") && len(dependency.Path) > len(module.module) {
				module = commit{dependency.Path, dependency.Version}
			}
		}
		offsets, err := readOffsets(path, membersByStruct{name: members}, own(module.module))
		if err != nil {
			return err
		}
		if len(offsets) > 0 {
			commits[module] = offsets
		}
	}
	return nil
}

// messageState is one pointer since google.golang.org/protobuf v1.20.0, its first version
// (internal/impl/message_reflect.go): a constant of what generated code may rely on.
const (
	messageState     = "google.golang.org/protobuf/internal/impl.MessageState"
	messageStateSize = 8
)

// readWriteMutex has had one size in every release of Go since 1.0 (src/sync/rwmutex.go).
const (
	readWriteMutex     = "sync.RWMutex"
	readWriteMutexSize = 24
)

// own accepts a field only if its offset depends on nothing but the version of `module`: a struct of
// another module or of Go that stands before it by value could have another size in another
// program.
func own(module string) func(string, []*dwarf.StructField) bool {
	return func(key string, before []*dwarf.StructField) bool {
		for _, field := range before {
			if foreign := foreignStruct(field.Type, module); foreign != "" {
				log.Printf("left out %s: its place depends on %s", key, foreign)
				return false
			}
		}
		return true
	}
}

// foreignStruct returns the name of a struct in `typ` that is not of `module`; "" where there is none.
func foreignStruct(typ dwarf.Type, module string) string {
	switch t := withoutAliases(typ).(type) {
	case *dwarf.ArrayType:
		return foreignStruct(t.Type, module)
	case *dwarf.StructType:
		name := t.StructName
		switch {
		case name == "string" || strings.HasPrefix(name, "[]") || name == "runtime.iface" ||
			name == "runtime.eface" || (name == messageState && t.ByteSize == messageStateSize) ||
			(name == readWriteMutex && t.ByteSize == readWriteMutexSize):
			return ""
		case !strings.HasPrefix(name, module+"/") && !strings.HasPrefix(name, module+".") &&
			!strings.HasPrefix(name, "struct {"):
			return name
		}
		for _, field := range t.Field {
			if foreign := foreignStruct(field.Type, module); foreign != "" {
				return foreign
			}
		}
	}
	return ""
}
