/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_ABI_H_
#define UPROBED_BPF_GO_ABI_H_

#include "bpf/vmlinux.h"

/* Go's register ABI on amd64 (src/cmd/compile/abi-internal.md, Go >= 1.17): integer words go in
 * rax, rbx, rcx, rdi, rsi, r8, r9, r10, r11, in that order, arguments and results alike; r14 is the
 * current runtime.g. Sites are chosen where these registers still hold what the names below say. */

/* At the call of net/http.serverHandler.ServeHTTP: sh.srv, rw (two words), req. */
#define GO_SERVE_HTTP_REQUEST(regs) ((regs)->di)

/* At the call of net/http.(*response).finishRequest: the receiver. */
#define GO_FINISH_REQUEST_RESPONSE(regs) ((regs)->ax)

/* In the prologue of net/http.(*Transport).roundTrip: the receiver, req. */
#define GO_ROUND_TRIP_REQUEST(regs) ((regs)->bx)

/* Behind a call that returns (*http.Response, error): the pointer, the interface's type word. */
#define GO_RESULT_RESPONSE(regs) ((regs)->ax)
#define GO_RESULT_ERROR(regs) ((regs)->bx)

#define GO_CURRENT_GOROUTINE(regs) ((regs)->r14)

#endif /* UPROBED_BPF_GO_ABI_H_ */
