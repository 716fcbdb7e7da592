/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_SITE_COOKIE_H_
#define UPROBED_BPF_ABI_SITE_COOKIE_H_

#include "bpf/abi/types.h"

/* User to kernel: what a program must know of the site that was hit, in the site's BPF cookie. */

#define UP_COOKIE_SLOT_MASK 0xffffffffULL
/* Low four bits of the opcode of a jcc (Intel SDM, "Jcc"). */
#define UP_COOKIE_CONDITION_SHIFT 32
#define UP_COOKIE_CONDITION_MASK 0xfULL
/* The site is a jcc, and the request ends only on one of its ways. */
#define UP_COOKIE_BRANCH (1ULL << 36)
/* With UP_COOKIE_BRANCH: it ends where the jump is taken. */
#define UP_COOKIE_ENDS_WHEN_TAKEN (1ULL << 37)
/* A call has returned (*http.Response, error). Without it the request ended in an unknown error. */
#define UP_COOKIE_RESULT (1ULL << 38)
/* With UP_COOKIE_RESULT: an error is not the end, the request may be tried again. */
#define UP_COOKIE_RETRIES (1ULL << 39)
/* The site lies in the stack check, which runs again for the same call after the stack has grown.
 */
#define UP_COOKIE_MAY_REPEAT (1ULL << 40)

#endif /* UPROBED_BPF_ABI_SITE_COOKIE_H_ */
