package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const poolSize = 8

// addHandoffRoutes adds /handoff/SCENARIO/ID for each way in which a call can leave the goroutine
// that serves; the call is made to /answer/ID of the server at self.
func addHandoffRoutes(mux *http.ServeMux, self string) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	h := &handoff{
		self:    self,
		client:  &http.Client{Transport: transport},
		limited: &http.Client{Transport: transport, Timeout: time.Minute},
		single:  startWorkers(1),
		pool:    startWorkers(poolSize),
	}
	mux.HandleFunc("/answer/", serveHello)
	mux.HandleFunc("/handoff/keep/", h.keep)
	for scenario, call := range map[string]func(context.Context, string) error{
		"goroutine":  h.byGoroutine,
		"worker":     h.byWorker,
		"pool":       h.byPool,
		"select":     h.bySelect,
		"group":      h.byGroup,
		"afterfunc":  h.byTimer,
		"nested":     h.byNestedContexts,
		"timeout":    h.byClientWithTimeout,
		"foreign":    h.byForeignContext,
		"impostor":   h.byImpostor,
		"background": h.byBackground,
		"kept":       h.byKeptContext,
	} {
		h.add(mux, scenario, call)
	}
	for scenario, derive := range newContexts {
		derive := derive
		h.add(mux, scenario, func(ctx context.Context, id string) error {
			ctx, cancel := derive(ctx)
			defer cancel()
			return h.byGoroutine(ctx, id)
		})
	}
}

// derivation makes a context from that of a request.
type derivation func(context.Context) (context.Context, context.CancelFunc)

type handoff struct {
	self            string
	client, limited *http.Client
	single, pool    workers

	mutex sync.Mutex
	kept  context.Context // of a request that has ended
	last  context.Context // derived from that of the newest request
}

func (h *handoff) add(mux *http.ServeMux, scenario string, call func(context.Context, string) error) {
	prefix := "/handoff/" + scenario + "/"
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		if err := call(r.Context(), strings.TrimPrefix(r.URL.Path, prefix)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
}

func (h *handoff) call(ctx context.Context, client *http.Client, id string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.self+"/answer/"+id, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := new(strings.Builder)
	_, err = io.Copy(body, response.Body)
	return err
}

// elsewhere runs the call on a new goroutine, to its end.
func elsewhere(call func() error) error {
	done := make(chan error)
	go func() { done <- call() }()
	return <-done
}

func (h *handoff) byGoroutine(ctx context.Context, id string) error {
	return elsewhere(func() error { return h.call(ctx, h.client, id) })
}

func (h *handoff) byClientWithTimeout(ctx context.Context, id string) error {
	return elsewhere(func() error { return h.call(ctx, h.limited, id) })
}

// byBackground leaves nothing that leads back.
func (h *handoff) byBackground(_ context.Context, id string) error {
	return h.byGoroutine(context.Background(), id)
}

type job struct {
	ctx  context.Context
	call func(context.Context) error
	done chan error
}

// workers live as long as the program, and make the calls that are sent to them.
type workers struct{ buffered, direct chan job }

func startWorkers(count int) workers {
	w := workers{buffered: make(chan job, 16), direct: make(chan job)}
	for i := 0; i < count; i++ {
		go func() {
			for {
				var next job
				select {
				case next = <-w.buffered:
				case next = <-w.direct:
				}
				next.done <- next.call(next.ctx)
			}
		}()
	}
	return w
}

func (h *handoff) send(to chan job, ctx context.Context, id string) error {
	next := job{ctx, func(ctx context.Context) error { return h.call(ctx, h.client, id) }, make(chan error)}
	to <- next
	return <-next.done
}

func (h *handoff) byWorker(ctx context.Context, id string) error {
	return h.send(h.single.buffered, ctx, id)
}

func (h *handoff) byPool(ctx context.Context, id string) error {
	return h.send(h.pool.buffered, ctx, id)
}

func (h *handoff) bySelect(ctx context.Context, id string) error {
	next := job{ctx, func(ctx context.Context) error { return h.call(ctx, h.client, id) }, make(chan error)}
	select {
	case h.pool.buffered <- next:
	case h.pool.direct <- next:
	}
	return <-next.done
}

// byGroup makes two calls at once, as an errgroup does: with a context that the first error ends.
func (h *handoff) byGroup(ctx context.Context, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	errors := make([]error, 2)
	for i := range errors {
		group.Add(1)
		go func(err *error) {
			defer group.Done()
			if *err = h.call(ctx, h.client, id); *err != nil {
				cancel()
			}
		}(&errors[i])
	}
	group.Wait()
	for _, err := range errors {
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *handoff) byTimer(ctx context.Context, id string) error {
	done := make(chan error)
	time.AfterFunc(time.Millisecond, func() { done <- h.call(ctx, h.client, id) })
	return <-done
}

type depth int

func (h *handoff) byNestedContexts(ctx context.Context, id string) error {
	for i := 0; i < 5; i++ {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithValue(ctx, depth(i), i), time.Minute)
		defer cancel()
	}
	return h.byGoroutine(ctx, id)
}

// lasting is a context of the program's own, with the values of another and without its end.
type lasting struct{ context.Context }

func (lasting) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (lasting) Done() <-chan struct{}                   { return nil }
func (lasting) Err() error                              { return nil }

func (h *handoff) byForeignContext(ctx context.Context, id string) error {
	return h.byGoroutine(&lasting{context.WithValue(lasting{ctx}, depth(0), 0)}, id)
}

// impostor begins with an interface that holds a context of another request, and is not derived
// from it.
type impostor struct {
	other fmt.Stringer
	context.Context
}

func (i *impostor) String() string { return "with " + i.other.String() }

func (h *handoff) byImpostor(ctx context.Context, id string) error {
	h.mutex.Lock()
	other := h.last
	h.last = context.WithValue(ctx, depth(0), 0)
	h.mutex.Unlock()
	if other == nil {
		other = ctx
	}
	return h.byGoroutine(&impostor{other.(fmt.Stringer), ctx}, id)
}

// keep is what byKeptContext uses for all calls to come.
func (h *handoff) keep(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.kept = lasting{r.Context()}
}

// byKeptContext calls as a worker does that holds on to the context of its first request.
func (h *handoff) byKeptContext(_ context.Context, id string) error {
	h.mutex.Lock()
	kept := h.kept
	h.mutex.Unlock()
	if kept == nil {
		return fmt.Errorf("nothing is kept: ask for /handoff/keep/ first")
	}
	return h.send(h.pool.buffered, kept, id)
}
