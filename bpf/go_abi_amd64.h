/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_ABI_AMD64_H_
#define UPROBED_BPF_GO_ABI_AMD64_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/abi/profile_slot.h"

/* Where Go on amd64 keeps arguments and results at the sites.
 *
 * Register ABI (src/cmd/compile/abi-internal.md, Go >= 1.17): integer words are in rax, rbx, rcx,
 * rdi, rsi, r8, r9, r10, r11, in that order, arguments and results alike; r14 is the current
 * runtime.g. Sites are chosen where these registers still hold what the names below say.
 *
 * Stack ABI (Go <= 1.16): the caller puts the words of the arguments at its stack pointer, in
 * order, and finds the results behind them; inside the callee a return address lies before them.
 * The current runtime.g is in thread-local storage. */

#define GO_WORD 8

static __always_inline uint64_t go_word(const struct up_profile_slot* profile,
                                        const struct pt_regs* regs, uint64_t in_register,
                                        uint64_t word_on_stack) {
  uint64_t value;
  if (!(profile->flags & UP_SLOT_STACK_ABI)) return in_register;
  /* Where the memory is not there the helper leaves zeros (kernel/trace/bpf_trace.c,
   * bpf_probe_read_user_common). */
  bpf_probe_read_user(&value, sizeof(value), (const void*)(regs->sp + word_on_stack * GO_WORD));
  return value;
}

/* At the call of net/http.serverHandler.ServeHTTP: sh.srv, rw (two words), req. */
#define GO_SERVE_HTTP_REQUEST(profile, regs) go_word(profile, regs, (regs)->di, 3)

#define GO_SERVE_HTTP_RESPONSE(profile, regs) go_word(profile, regs, (regs)->cx, 2)

/* Behind runtime.gorecover, which takes one word: the data word of the value. */
#define GO_RECOVERED_DATA(profile, regs) go_word(profile, regs, (regs)->bx, 2)

/* At calls of fmt.Fprintf and io.WriteString: the writer (two words), the string, the values. */
#define GO_WRITTEN_TEXT(profile, regs) go_word(profile, regs, (regs)->cx, 2)
#define GO_WRITTEN_VALUES(profile, regs) go_word(profile, regs, (regs)->si, 4)

/* At the call of net/http.(*response).finishRequest: the receiver. */
#define GO_FINISH_REQUEST_RESPONSE(profile, regs) go_word(profile, regs, (regs)->ax, 0)

/* In the prologue of HTTP/2's (*serverConn).runHandler: the receiver, rw, req, handler. */
#define GO_HTTP2_RUN_RESPONSE(profile, regs) go_word(profile, regs, (regs)->bx, 2)
#define GO_HTTP2_RUN_REQUEST(profile, regs) go_word(profile, regs, (regs)->cx, 3)

/* At the call of HTTP/2's (*responseWriter).handlerDone: the receiver. */
#define GO_HTTP2_DONE_RESPONSE(profile, regs) go_word(profile, regs, (regs)->ax, 0)

/* At the call of runtime.efaceeq: the type, the data words of two values. */
#define GO_COMPARED_FIRST(profile, regs) go_word(profile, regs, (regs)->bx, 1)
#define GO_COMPARED_SECOND(profile, regs) go_word(profile, regs, (regs)->cx, 2)

/* In the prologue of net/http.(*Transport).roundTrip: the receiver, req. */
#define GO_ROUND_TRIP_REQUEST(profile, regs) go_word(profile, regs, (regs)->bx, 2)

/* In the prologue of net/http.(*persistConn).roundTrip: the receiver. */
#define GO_EXCHANGE_CONNECTION(profile, regs) go_word(profile, regs, (regs)->ax, 1)

/* Behind a call of a method that takes a request and returns (*http.Response, error): the pointer,
 * the interface's type word. */
#define GO_RESULT_RESPONSE(profile, regs) go_word(profile, regs, (regs)->ax, 2)
#define GO_RESULT_ERROR(profile, regs) go_word(profile, regs, (regs)->bx, 3)
#define GO_RESULT_ERROR_DATA(profile, regs) go_word(profile, regs, (regs)->cx, 4)

/* Words of the arguments at a call, and in the prologue of the callee. */
#define GO_CALL_WORD_0(profile, regs) go_word(profile, regs, (regs)->ax, 0)
#define GO_CALL_WORD_1(profile, regs) go_word(profile, regs, (regs)->bx, 1)
#define GO_CALL_WORD_2(profile, regs) go_word(profile, regs, (regs)->cx, 2)
#define GO_PROLOGUE_WORD_0(profile, regs) go_word(profile, regs, (regs)->ax, 1)
#define GO_PROLOGUE_WORD_1(profile, regs) go_word(profile, regs, (regs)->bx, 2)
/* In the prologue of gRPC's (*Server).handleStream: the receiver, the transport (two words), the
 * stream. */
#define GO_HANDLE_STREAM_STREAM(profile, regs) go_word(profile, regs, (regs)->di, 4)

/* In the prologue of a transport's writeStatus: the receiver, the stream, the status. */
#define GO_WRITE_STATUS_TRANSPORT(profile, regs) go_word(profile, regs, (regs)->ax, 1)
#define GO_WRITE_STATUS_STREAM(profile, regs) go_word(profile, regs, (regs)->bx, 2)
#define GO_WRITE_STATUS_STATUS(profile, regs) go_word(profile, regs, (regs)->cx, 3)

/* At the call of status.FromError: an error. */
#define GO_FROM_ERROR_ITAB(profile, regs) go_word(profile, regs, (regs)->ax, 0)
#define GO_FROM_ERROR_DATA(profile, regs) go_word(profile, regs, (regs)->bx, 1)

/* At calls of methods of gRPC's clientStream: the receiver. Of those that end it, and of
 * csAttempt's finish: the receiver, an error. */
#define GO_CLIENT_STREAM(profile, regs) go_word(profile, regs, (regs)->ax, 0)
#define GO_FINISH_ATTEMPT(profile, regs) go_word(profile, regs, (regs)->ax, 0)
#define GO_FINISH_ITAB(profile, regs) go_word(profile, regs, (regs)->bx, 1)
#define GO_FINISH_DATA(profile, regs) go_word(profile, regs, (regs)->cx, 2)

/* Behind the call of (*clientStream).retryLocked, which takes four words and returns an error. */
#define GO_RETRY_ITAB(profile, regs) go_word(profile, regs, (regs)->ax, 4)
#define GO_RETRY_DATA(profile, regs) go_word(profile, regs, (regs)->bx, 5)

/* Where a function begins that was called through a func value: its closure
 * (src/cmd/compile/abi-internal.md; on the stack ABI as well). */
#define GO_CLOSURE(regs) ((regs)->dx)

/* Behind a call of a method without arguments that returns an error. */
#define GO_CAUSE_ITAB(profile, regs) go_word(profile, regs, (regs)->ax, 1)
#define GO_CAUSE_DATA(profile, regs) go_word(profile, regs, (regs)->bx, 2)

#define GO_STACK_POINTER(regs) ((regs)->sp)
#define GO_FRAME_POINTER(regs) ((regs)->bp)
#define GO_SITE(regs) ((regs)->ip)

/* Where the linker puts the pointer to runtime.g, from the thread pointer
 * (src/cmd/link/internal/ld/sym.go, computeTLSOffset). The resolver has seen it in the code. */
#define GO_TLS_GOROUTINE (-8)

/* The thread pointer is a register of the CPU, which no helper reads. The kernel keeps what
 * arch_prctl and clone have set, and Go sets it in no other way (src/runtime/sys_linux_amd64.s,
 * settls). */
static __always_inline uint64_t go_current_goroutine(const struct up_profile_slot* profile,
                                                     const struct pt_regs* regs) {
  uint64_t goroutine;
  if (!(profile->flags & UP_SLOT_STACK_ABI)) return regs->r14;
  const struct task_struct* task = (const struct task_struct*)bpf_get_current_task_btf();
  if (bpf_probe_read_user(&goroutine, sizeof(goroutine),
                          (const void*)(task->thread.fsbase + GO_TLS_GOROUTINE)))
    return 0;
  return goroutine;
}

#endif /* UPROBED_BPF_GO_ABI_AMD64_H_ */
