//go:build go1.21
// +build go1.21

package main

import (
	"context"
	"time"
)

// newContexts are derived in ways that Go 1.21 added.
var newContexts = map[string]derivation{
	"withoutcancel": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithoutCancel(ctx), func() {}
	},
	"withcause": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Minute, context.DeadlineExceeded)
	},
}
