package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// addAloneRoutes adds /alone/SCENARIO/ID for each way in which work leaves the goroutine that serves
// without the request's context; the calls are made to /answer/ID. Calls that no request is the
// reason for are made to /answer/own.
func addAloneRoutes(mux *http.ServeMux, self string) {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	a := &alone{h: &handoff{self: self, client: &http.Client{Transport: transport}}}
	a.unbuffered = a.startQueue(0, 1)
	a.buffered = a.startQueue(16, 1)
	a.pool = a.startQueue(16, poolSize)
	a.startSelect()
	a.startPipeline()
	a.startWithBuffers()
	a.startWithTicker()
	a.startWithSemaphores()
	a.startLocked()
	a.startEnding()
	for scenario, serve := range map[string]func(string) error{
		"unbuffered": func(id string) error { return a.wait(a.unbuffered, id) },
		"buffered":   func(id string) error { return a.wait(a.buffered, id) },
		"pool":       func(id string) error { return a.wait(a.pool, id) },
		"async":      a.withoutWaiting,
		"select":     a.bySelect,
		"pipeline":   func(id string) error { return a.wait(a.first, id) },
		"go":         func(id string) error { return elsewhere(a.calling(id)) },
		"nested": func(id string) error {
			return elsewhere(func() error { return elsewhere(a.calling(id)) })
		},
		"late":      a.afterTheEnd,
		"group":     a.byGroup,
		"waitgroup": a.byWaitGroup,
		"afterfunc": a.byTimer,
		"stopped":   a.byTimerAmongStopped,
		"buffers":   a.withBuffer,
		"ticker":    func(id string) error { return a.wait(a.ticking, id) },
		"closed":    a.byWorkerThatEnds,
		"semaphore": func(id string) error { return a.wait(a.limited, id) },
		"lazy":      a.byLazyWorker,
		"mutex":     a.byLockedQueue,
		"self":      func(id string) error { return a.call(id) },
	} {
		a.add(mux, scenario, serve)
	}
}

type task struct {
	id   string
	done chan error
}

type alone struct {
	h                                              *handoff
	unbuffered, buffered, pool, left, right, first chan task
	ticking, limited, withBuffers, lazy            chan task
	buffers                                        chan *strings.Builder
	once                                           sync.Once
	begin                                          sync.Mutex
	begun, never                                   chan struct{}
	queues                                         []chan task

	mutex  sync.Mutex
	filled *sync.Cond
	queue  []task
}

func (a *alone) add(mux *http.ServeMux, scenario string, serve func(string) error) {
	prefix := "/alone/" + scenario + "/"
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		if err := serve(strings.TrimPrefix(r.URL.Path, prefix)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
}

func (a *alone) call(id string) error { return a.h.call(context.Background(), a.h.client, id) }

func (a *alone) calling(id string) func() error { return func() error { return a.call(id) } }

func (a *alone) wait(queue chan task, id string) error {
	next := task{id, make(chan error, 1)}
	queue <- next
	return <-next.done
}

func (a *alone) startQueue(size, workers int) chan task {
	queue := make(chan task, size)
	for i := 0; i < workers; i++ {
		go func() {
			for next := range queue {
				next.done <- a.call(next.id)
			}
		}()
	}
	return queue
}

// withoutWaiting answers before the work is done.
func (a *alone) withoutWaiting(id string) error {
	a.pool <- task{id, make(chan error, 1)}
	return nil
}

func (a *alone) startSelect() {
	a.left, a.right = make(chan task, 4), make(chan task)
	go func() {
		for {
			var next task
			select {
			case next = <-a.left:
			case next = <-a.right:
			case <-time.After(time.Hour):
			}
			next.done <- a.call(next.id)
		}
	}()
}

func (a *alone) bySelect(id string) error {
	next := task{id, make(chan error, 1)}
	select {
	case a.left <- next:
	case a.right <- next:
	}
	return <-next.done
}

// startPipeline starts two workers, both of which make a call.
func (a *alone) startPipeline() {
	a.first = make(chan task, 4)
	second := make(chan task)
	go func() {
		for next := range a.first {
			if err := a.call(next.id); err != nil {
				next.done <- err
				continue
			}
			second <- next
		}
	}()
	go func() {
		for next := range second {
			next.done <- a.call(next.id)
		}
	}()
}

// afterTheEnd calls when the request has been answered.
func (a *alone) afterTheEnd(id string) error {
	go func() {
		time.Sleep(20 * time.Millisecond)
		a.call(id)
	}()
	return nil
}

// group is golang.org/x/sync/errgroup.Group, without a context.
type group struct {
	wait  sync.WaitGroup
	limit chan struct{}
	once  sync.Once
	err   error
}

func (g *group) run(f func() error) {
	g.limit <- struct{}{}
	g.wait.Add(1)
	go func() {
		defer func() {
			<-g.limit
			g.wait.Done()
		}()
		if err := f(); err != nil {
			g.once.Do(func() { g.err = err })
		}
	}()
}

func (a *alone) byGroup(id string) error {
	g := group{limit: make(chan struct{}, 2)}
	for i := 0; i < 3; i++ {
		g.run(a.calling(id))
	}
	g.wait.Wait()
	return g.err
}

func (a *alone) byWaitGroup(id string) error {
	var wait sync.WaitGroup
	errors := make([]error, 2)
	for i := range errors {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			errors[i] = a.call(id)
		}(i)
	}
	wait.Wait()
	if errors[0] != nil {
		return errors[0]
	}
	return errors[1]
}

func (a *alone) byTimer(id string) error {
	done := make(chan error, 1)
	time.AfterFunc(time.Millisecond, func() { done <- a.call(id) })
	return <-done
}

// byTimerAmongStopped leaves function values behind whose memory is soon another's.
func (a *alone) byTimerAmongStopped(id string) error {
	for i := 0; i < 4; i++ {
		time.AfterFunc(time.Hour, func() { a.call(id) }).Stop()
	}
	return a.byTimer(id)
}

// startWithBuffers starts workers that take a buffer for each task, which handlers use, too.
func (a *alone) startWithBuffers() {
	a.withBuffers = make(chan task, 4)
	a.buffers = make(chan *strings.Builder, poolSize)
	for i := 0; i < poolSize; i++ {
		a.buffers <- new(strings.Builder)
	}
	for i := 0; i < 2; i++ {
		go func(first bool) {
			for {
				var buffer *strings.Builder
				if first {
					buffer = <-a.buffers
				}
				next := <-a.withBuffers
				if !first {
					buffer = <-a.buffers
				}
				next.done <- a.call(next.id)
				a.buffers <- buffer
			}
		}(i == 0)
	}
}

func (a *alone) withBuffer(id string) error {
	buffer := <-a.buffers
	buffer.Reset()
	a.buffers <- buffer
	return a.wait(a.withBuffers, id)
}

// startWithTicker starts a worker that calls for itself, too, and starts goroutines that do.
func (a *alone) startWithTicker() {
	a.ticking = make(chan task, 4)
	ticker := time.NewTicker(50 * time.Millisecond)
	used := false
	go func() {
		for {
			select {
			case next := <-a.ticking:
				used = true
				next.done <- a.call(next.id)
			case <-ticker.C:
				if used {
					a.call("own")
					go a.call("own")
				}
			}
		}
	}()
}

// startEnding starts what starts workers that end with what they do for themselves, when their queue
// is closed.
func (a *alone) startEnding() {
	a.begun = make(chan struct{})
	go func() {
		for range a.begun {
			queue := make(chan task)
			a.mutex.Lock()
			a.queues = append(a.queues, queue)
			a.mutex.Unlock()
			go func(selects bool) {
				for selects {
					select {
					case next, ok := <-queue:
						if ok {
							next.done <- a.call(next.id)
						}
						selects = ok
					case <-a.never:
					}
				}
				for next := range queue {
					next.done <- a.call(next.id)
				}
				a.call("own")
			}(len(a.queues)%2 == 0)
			a.begun <- struct{}{}
		}
	}()
}

func (a *alone) byWorkerThatEnds(id string) error {
	a.begin.Lock()
	a.begun <- struct{}{}
	<-a.begun
	a.mutex.Lock()
	queue := a.queues[len(a.queues)-1]
	a.mutex.Unlock()
	a.begin.Unlock()
	err := a.wait(queue, id)
	close(queue)
	return err
}

// startWithSemaphores starts workers that limit what they do at once by what is in channels.
func (a *alone) startWithSemaphores() {
	a.limited = make(chan task, 16)
	slots := make(chan struct{}, 2)
	tokens := make(chan int, 4)
	for i := 0; i < poolSize; i++ {
		go func(i int) {
			for next := range a.limited {
				slots <- struct{}{}
				tokens <- i
				err := a.call(next.id)
				<-tokens
				<-slots
				next.done <- err
			}
		}(i)
	}
}

// byLazyWorker starts its worker while it serves.
func (a *alone) byLazyWorker(id string) error {
	a.once.Do(func() { a.lazy = a.startQueue(4, 1) })
	return a.wait(a.lazy, id)
}

// startLocked starts a worker that nothing is sent to.
func (a *alone) startLocked() {
	a.filled = sync.NewCond(&a.mutex)
	go func() {
		for {
			a.mutex.Lock()
			for len(a.queue) == 0 {
				a.filled.Wait()
			}
			next := a.queue[0]
			a.queue = a.queue[1:]
			a.mutex.Unlock()
			next.done <- a.call(next.id)
		}
	}()
}

func (a *alone) byLockedQueue(id string) error {
	next := task{id, make(chan error, 1)}
	a.mutex.Lock()
	a.queue = append(a.queue, next)
	a.mutex.Unlock()
	a.filled.Signal()
	return <-next.done
}
