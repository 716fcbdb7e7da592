/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_SITE_COOKIE_H_
#define UPROBED_BPF_ABI_SITE_COOKIE_H_

#include "bpf/abi/types.h"

/* User to kernel: what a program must know of the site that was hit, in the site's BPF cookie. */

#define UP_COOKIE_SLOT_MASK 0xffffULL
/* How far the site is from the entry of its function, in bytes. */
#define UP_COOKIE_FUNCTION_OFFSET_SHIFT 16
#define UP_COOKIE_FUNCTION_OFFSET_MASK 0xffffULL
/* The site is a conditional jump, and the request ends only on one of its ways; behind recover() a
 * panic was recovered only on one of its ways. */
#define UP_COOKIE_BRANCH (1ULL << 36)
/* With UP_COOKIE_BRANCH: that is so where the jump is taken. */
#define UP_COOKIE_ENDS_WHEN_TAKEN (1ULL << 37)
/* A call has returned (*http.Response, error). Without it the request ended in an error. */
#define UP_COOKIE_RESULT (1ULL << 38)
/* With UP_COOKIE_RESULT: an error is not the end, the request may be tried again. */
#define UP_COOKIE_RETRIES (1ULL << 39)
/* The site lies in the stack check, which runs again for the same call after the stack has grown.
 */
#define UP_COOKIE_MAY_REPEAT (1ULL << 40)
/* HTTP/2: which implementation the site lies in, UP_HTTP2_* of bpf/abi/profile_slot.h. */
#define UP_COOKIE_HTTP2_SHIFT 41
#define UP_COOKIE_HTTP2_MASK 0x3ULL
/* Client: the site is one of UP_CLIENT_MODULE. */
#define UP_COOKIE_CLIENT_SHIFT 41
#define UP_COOKIE_CLIENT_MASK 0x1ULL
/* HTTP/2: a panic with an error of the type of http.ErrAbortHandler is compared with it. */
#define UP_COOKIE_COMPARES_ABORT (1ULL << 43)
/* What is received in a select statement is taken over where its end is hit. */
#define UP_COOKIE_SELECT (1ULL << 44)
/* Body of a client's response: it was read to its end, or reading it failed; closed, else. */
#define UP_COOKIE_BODY_READ (1ULL << 43)
/* Body of a client's response, with UP_COOKIE_BODY_READ, HTTP/1: the transport has been asked for
 * the cause. */
#define UP_COOKIE_BODY_CAUSE (1ULL << 44)
/* Body of a client's response of HTTP/2, whose implementation is above. */
#define UP_COOKIE_BODY_HTTP2 (1ULL << 45)
/* The first byte is that of a response of HTTP/2. */
#define UP_COOKIE_FIRST_BYTE_HTTP2 (1ULL << 45)
/* gRPC's server: the transport is that of ServeHTTP. */
#define UP_COOKIE_GRPC_HANDLER (1ULL << 44)
/* gRPC's client: the clientStream is on the stack, at the word below. */
#define UP_COOKIE_STREAM_ON_STACK (1ULL << 45)
/* gRPC's client: a call has returned the error; it is an argument of one else. */
#define UP_COOKIE_RETURNED_ERROR (1ULL << 46)
/* With UP_COOKIE_STREAM_ON_STACK: how many words above the stack pointer. */
#define UP_COOKIE_STREAM_WORD_SHIFT 48
#define UP_COOKIE_STREAM_WORD_MASK 0x7fffULL

/* With UP_COOKIE_BRANCH: the jump's condition, as below. */
#define UP_COOKIE_CONDITION_SHIFT 48
#define UP_COOKIE_CONDITION_MASK 0x7fffULL
/* The request ends in the error that the exchange returned before. */
#define UP_COOKIE_EXCHANGE_ERROR (1ULL << 47)
/* Without UP_COOKIE_BRANCH and UP_COOKIE_RESULT: where the two words of the error are that the
 * request ends in, each as UP_WORD_*. */
#define UP_COOKIE_ERROR_TYPE_SHIFT 48
#define UP_COOKIE_ERROR_DATA_SHIFT 55
#define UP_COOKIE_WORD_MASK 0x7fULL

/* Which router's site it is, as UP_ROUTER_*. */
#define UP_COOKIE_ROUTER_SHIFT 48
#define UP_COOKIE_ROUTER_MASK 0x7ULL
/* Routers that lend a context to the request: it is the third word of the arguments. */
#define UP_ROUTER_GIN 0
#define UP_ROUTER_CHI 1
#define UP_ROUTER_CHI1 2
#define UP_ROUTER_ECHO 3
/* A router that attaches the route to the request: it is the second word of the arguments. */
#define UP_ROUTER_GORILLA 4
#define UP_ROUTER_COUNT 5

/* Sites that tell the handler of a request: which function they lie in, as UP_PLACE_* of
 * bpf/abi/profile_slot.h. */
#define UP_COOKIE_PLACE_SHIFT 51
#define UP_COOKIE_PLACE_MASK 0xfULL
/* The handler is on the stack, so many words above the stack pointer; a result of a call else.
 * Where requests of HTTP/2 begin, the writer of the response follows it. */
#define UP_COOKIE_HANDLER_ON_STACK (1ULL << 45)
#define UP_COOKIE_HANDLER_WORD_SHIFT 55
#define UP_COOKIE_HANDLER_WORD_MASK 0x1ffULL
/* ServeMux redirects the request, by a handler that it is about to make. */
#define UP_COOKIE_HANDLER_REDIRECTS (1ULL << 46)

/* Where the channel is that is being closed, as UP_WORD_*; else the lock of one that is closed is
 * an argument. */
#define UP_COOKIE_CHANNEL_SHIFT 48

/* 0: not known. Up to UP_WORD_STACK: 1 + the number of the register in struct pt_regs. From there
 * on: UP_WORD_STACK + the number of the word from the stack pointer on. */
#define UP_WORD_NONE 0
#define UP_WORD_STACK 32

/* The condition of a jump that tests flags is the low four bits of its opcode: of a jcc (Intel SDM,
 * "Jcc") or of b.cond (Arm ARM, "B.cond"). Of one that tests whether bits of a register are all
 * zero (arm64: cbz, cbnz, tbz, tbnz), it is made of these. */
#define UP_CONDITION_REGISTER_MASK 0x1f /* 0 for x0; 31 is none, and reads as zero */
#define UP_CONDITION_FIRST_BIT_SHIFT 5  /* where the tested bits begin */
#define UP_CONDITION_FIRST_BIT_MASK 0x3f
#define UP_CONDITION_ONE_BIT 0x800   /* else all the bits from the first on */
#define UP_CONDITION_LOW_HALF 0x1000 /* of the low 32 bits */
#define UP_CONDITION_NOT_ZERO 0x2000 /* jumps where they are not all zero */
#define UP_CONDITION_ON_REGISTER 0x4000

#endif /* UPROBED_BPF_ABI_SITE_COOKIE_H_ */
