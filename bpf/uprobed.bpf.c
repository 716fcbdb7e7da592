/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The programs, one for each kind of site. They are loaded as uprobe or as uprobe_multi programs,
 * whichever the kernel has; the site's cookie says which binary and what kind of end it is. */
#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/channel.h"
#include "bpf/goroutine_start.h"
#include "bpf/grpc_client.h"
#include "bpf/grpc_server.h"
#include "bpf/http2_client_headers.h"
#include "bpf/http2_connection.h"
#include "bpf/http2_server.h"
#include "bpf/http_client.h"
#include "bpf/http_client_headers.h"
#include "bpf/http_server_ends.h"
#include "bpf/preemption.h"
#include "bpf/server_first_byte.h"
#include "bpf/server_handler.h"
#include "bpf/server_route.h"

SEC("uprobe")
int server_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_start(regs));
  return 0;
}

SEC("uprobe")
int server_end(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_end(regs));
  return 0;
}

SEC("uprobe")
int server_recover(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_recover(regs));
  return 0;
}

SEC("uprobe")
int server_refused(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_refused(regs));
  return 0;
}

SEC("uprobe")
int server_route(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_route(regs));
  return 0;
}

SEC("uprobe")
int server_handler(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_handler(regs));
  return 0;
}

SEC("uprobe")
int http2_server_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_server_start(regs));
  return 0;
}

SEC("uprobe")
int http2_server_end(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_server_end(regs));
  return 0;
}

SEC("uprobe")
int http2_server_unfinished(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_server_unfinished(regs));
  return 0;
}

SEC("uprobe")
int grpc_server_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_grpc_server_start(regs));
  return 0;
}

SEC("uprobe")
int grpc_server_end(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_grpc_server_end(regs));
  return 0;
}

SEC("uprobe")
int grpc_server_gone(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_grpc_server_gone(regs));
  return 0;
}

SEC("uprobe")
int grpc_client_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_grpc_client_start(regs));
  return 0;
}

SEC("uprobe")
int grpc_client_end(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_grpc_client_end(regs));
  return 0;
}

SEC("uprobe")
int client_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_client_start(regs));
  return 0;
}

SEC("uprobe")
int client_connection(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_client_connection(regs));
  return 0;
}

SEC("uprobe")
int http2_client_attempt(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_client_attempt(regs));
  return 0;
}

SEC("uprobe")
int http2_client_stream(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_client_stream(regs));
  return 0;
}

SEC("uprobe")
int client_end(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_client_end(regs));
  return 0;
}

SEC("uprobe")
int client_body(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_client_body(regs));
  return 0;
}

SEC("uprobe")
int server_first_byte(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_server_first_byte(regs));
  return 0;
}

SEC("uprobe")
int goroutine_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_goroutine_start(regs));
  return 0;
}

SEC("uprobe")
int timer_start(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_timer_start(regs));
  return 0;
}

SEC("uprobe")
int timer_stop(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_timer_stop(regs));
  return 0;
}

SEC("uprobe")
int channel_send(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_channel_send(regs));
  return 0;
}

SEC("uprobe")
int channel_receive(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_channel_receive(regs));
  return 0;
}

SEC("uprobe")
int channel_send_direct(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_channel_send_direct(regs));
  return 0;
}

SEC("uprobe")
int channel_receive_direct(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_channel_receive_direct(regs));
  return 0;
}

SEC("uprobe")
int channel_close(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_channel_close(regs));
  return 0;
}

SEC("uprobe")
int select_send(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_select_send(regs));
  return 0;
}

SEC("uprobe")
int select_receive(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_select_receive(regs));
  return 0;
}

SEC("uprobe")
int select_done(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_select_done(regs));
  return 0;
}

/* Loaded where a probe asks for it: the kernel warns of programs that write into others' memory. */
SEC("?uprobe")
int client_headers(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_client_headers(regs));
  return 0;
}

SEC("?uprobe")
int http2_client_headers(struct pt_regs* regs) {
  WITHOUT_PREEMPTION(on_http2_client_headers(regs));
  return 0;
}

/* The kernel offers bpf_probe_read_user and the ring buffer to GPL-compatible programs only. */
char program_license[] SEC("license") = "Dual BSD/GPL";
