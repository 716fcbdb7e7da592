/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_ABI_ARM64_H_
#define UPROBED_BPF_GO_ABI_ARM64_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/abi/profile_slot.h"

/* Where Go on arm64 keeps arguments and results at the sites: integer words are in x0 to x15, in
 * that order, arguments and results alike; x28 is the current runtime.g
 * (src/cmd/compile/abi-internal.md, Go >= 1.18; binaries of older releases get no profile). */

#define GO_WORD 8

/* At the call of net/http.serverHandler.ServeHTTP: sh.srv, rw (two words), req. */
#define GO_SERVE_HTTP_REQUEST(profile, regs) ((void)(profile), (regs)->regs[3])

#define GO_SERVE_HTTP_RESPONSE(profile, regs) ((void)(profile), (regs)->regs[2])

/* Behind runtime.gorecover: the data word of the value. */
#define GO_RECOVERED_DATA(profile, regs) ((void)(profile), (regs)->regs[1])

/* At calls of fmt.Fprintf and io.WriteString: the writer (two words), the string, the values. */
#define GO_WRITTEN_TEXT(profile, regs) ((void)(profile), (regs)->regs[2])
#define GO_WRITTEN_VALUES(profile, regs) ((void)(profile), (regs)->regs[4])

/* At the call of net/http.(*response).finishRequest: the receiver. */
#define GO_FINISH_REQUEST_RESPONSE(profile, regs) ((void)(profile), (regs)->regs[0])

/* In the prologue of HTTP/2's (*serverConn).runHandler: the receiver, rw, req, handler. */
#define GO_HTTP2_RUN_RESPONSE(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_HTTP2_RUN_REQUEST(profile, regs) ((void)(profile), (regs)->regs[2])

/* At the call of HTTP/2's (*responseWriter).handlerDone: the receiver. */
#define GO_HTTP2_DONE_RESPONSE(profile, regs) ((void)(profile), (regs)->regs[0])

/* At the call of runtime.efaceeq: the type, the data words of two values. */
#define GO_COMPARED_FIRST(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_COMPARED_SECOND(profile, regs) ((void)(profile), (regs)->regs[2])

/* In the prologue of net/http.(*Transport).roundTrip: the receiver, req. */
#define GO_ROUND_TRIP_REQUEST(profile, regs) ((void)(profile), (regs)->regs[1])

/* In the prologue of net/http.(*persistConn).roundTrip: the receiver. */
#define GO_EXCHANGE_CONNECTION(profile, regs) ((void)(profile), (regs)->regs[0])

/* Behind a call that returns (*http.Response, error): the pointer, the interface's type word. */
#define GO_RESULT_RESPONSE(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_RESULT_ERROR(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_RESULT_ERROR_DATA(profile, regs) ((void)(profile), (regs)->regs[2])

/* Words of the arguments at a call, and in the prologue of the callee. */
#define GO_CALL_WORD_0(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_CALL_WORD_1(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_CALL_WORD_2(profile, regs) ((void)(profile), (regs)->regs[2])
#define GO_PROLOGUE_WORD_0(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_PROLOGUE_WORD_1(profile, regs) ((void)(profile), (regs)->regs[1])
/* In the prologue of gRPC's (*Server).handleStream: the receiver, the transport (two words), the
 * stream. */
#define GO_HANDLE_STREAM_STREAM(profile, regs) ((void)(profile), (regs)->regs[3])

/* In the prologue of a transport's writeStatus: the receiver, the stream, the status. */
#define GO_WRITE_STATUS_TRANSPORT(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_WRITE_STATUS_STREAM(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_WRITE_STATUS_STATUS(profile, regs) ((void)(profile), (regs)->regs[2])

/* At the call of status.FromError: an error. */
#define GO_FROM_ERROR_ITAB(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_FROM_ERROR_DATA(profile, regs) ((void)(profile), (regs)->regs[1])

/* At calls of methods of gRPC's clientStream: the receiver. Of those that end it, and of
 * csAttempt's finish: the receiver, an error. */
#define GO_CLIENT_STREAM(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_FINISH_ATTEMPT(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_FINISH_ITAB(profile, regs) ((void)(profile), (regs)->regs[1])
#define GO_FINISH_DATA(profile, regs) ((void)(profile), (regs)->regs[2])

/* Behind the call of (*clientStream).retryLocked, which returns an error. */
#define GO_RETRY_ITAB(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_RETRY_DATA(profile, regs) ((void)(profile), (regs)->regs[1])

/* Where a function begins that was called through a func value: its closure. */
#define GO_CLOSURE(regs) ((regs)->regs[26])

/* Behind a call of a method without arguments that returns an error. */
#define GO_CAUSE_ITAB(profile, regs) ((void)(profile), (regs)->regs[0])
#define GO_CAUSE_DATA(profile, regs) ((void)(profile), (regs)->regs[1])

#define GO_STACK_POINTER(regs) ((regs)->sp)
#define GO_FRAME_POINTER(regs) ((regs)->regs[29])
#define GO_SITE(regs) ((regs)->pc)

static __always_inline uint64_t go_current_goroutine(const struct up_profile_slot* profile,
                                                     const struct pt_regs* regs) {
  (void)profile;
  return regs->regs[28];
}

#endif /* UPROBED_BPF_GO_ABI_ARM64_H_ */
