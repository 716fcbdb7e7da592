/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CONNECTION_H_
#define UPROBED_BPF_CONNECTION_H_

/* From a request that is served to the one that was made for it in another process of the machine,
 * by the TCP connection that both know.
 *
 * The client's request is noted before anything of it is written, and the server's begins when its
 * headers have been read; HTTP/1 has one request at a time on a connection. So the one noted is the
 * one served if both are on the same connection, which its addresses and ports say, and the
 * position in its stream of bytes: the kernel counts both ends from the same random number. */
#include "bpf/vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "bpf/request_context.h"
#include "bpf/trace_context.h"

#define GO_INTERFACE_DATA 8

#define S_IFMT 0xf000
#define S_IFSOCK 0xc000
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6

#define LOOPBACK_NET 127
#define MAPPED_PREFIX bpf_htonl(0xffff) /* ::ffff:0:0/96 */

/* Headers of 1 MiB (net/http, DefaultMaxHeaderBytes) and what is read ahead of them. */
#define MAX_REQUEST_HEAD (2 * 1024 * 1024)

/* A connection as one of its ends has it. */
struct tcp_end {
  struct up_connection connection;
  uint32_t written; /* sequence numbers: behind what was written */
  uint32_t read;    /* and behind what was read */
};

/* Where a request came from. */
struct served {
  uint32_t descriptor; /* of the connection */
  uint32_t stream;     /* of HTTP/2; 0 of HTTP/1 */
};

/* Whether a runtime.pollDesc is that of a descriptor, which stands behind its first word, in
 * Go 1.15 to early 1.17 behind a mutex of one word, too (src/runtime/netpoll.go). */
static __always_inline bool polls(uint64_t poll_desc, uint64_t descriptor) {
  uint64_t words[2];
  return bpf_probe_read_user(words, sizeof(words), (const void*)(poll_desc + sizeof(uint64_t))) ==
             0 &&
         (words[0] == descriptor || words[1] == descriptor);
}

/* The file descriptor of the net.Conn whose interface is at `address`: of a *net.TCPConn, or of the
 * one in a *tls.Conn. Each begins with what it consists of: tls.Conn with the net.Conn below it,
 * TCPConn with the pointer to a netFD, which begins with a poll.FD. That it is one, and not what
 * some other net.Conn begins with, is certain where the runtime polls the descriptor for it. */
static __always_inline bool read_descriptor(const struct up_profile_slot* profile, uint64_t address,
                                            bool tls, uint32_t* descriptor) {
  uint64_t at, fd, poll_desc;
  if (!read_word(address + GO_INTERFACE_DATA, &at) ||
      (tls && !read_word(at + GO_INTERFACE_DATA, &at)) || !read_word(at, &at) ||
      !read_field(profile, UP_FIELD_POLL_FD_SYSFD, at, &fd) ||
      !read_field(profile, UP_FIELD_POLL_FD_PD, at, &poll_desc) || !polls(poll_desc, fd))
    return false;
  *descriptor = fd;
  return true;
}

/* The TCP socket behind a file descriptor of the current process; NULL where it is none. */
static __always_inline const struct sock* socket_of(uint32_t descriptor) {
  const struct task_struct* task = (const struct task_struct*)bpf_get_current_task_btf();
  const struct fdtable* table = BPF_CORE_READ(task, files, fdt);
  struct file** files = BPF_CORE_READ(table, fd);
  const struct file* file;
  if (descriptor >= BPF_CORE_READ(table, max_fds) ||
      bpf_probe_read_kernel(&file, sizeof(file), files + descriptor) ||
      (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
    return 0;
  const struct socket* socket = BPF_CORE_READ(file, private_data);
  const struct sock* sk = BPF_CORE_READ(socket, sk);
  return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP ? sk : 0;
}

/* A kernel may be built without IPv6 or network namespaces, whose fields it has not then. */
static __always_inline bool read_addresses(const struct sock* sk, uint32_t* local,
                                           uint32_t* remote) {
  switch (BPF_CORE_READ(sk, __sk_common.skc_family)) {
    case AF_INET:
      local[2] = remote[2] = MAPPED_PREFIX;
      local[3] = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
      remote[3] = BPF_CORE_READ(sk, __sk_common.skc_daddr);
      return true;
    case AF_INET6:
      return bpf_core_field_exists(sk->__sk_common.skc_v6_daddr) &&
             BPF_CORE_READ_INTO((struct in6_addr*)local, sk, __sk_common.skc_v6_rcv_saddr) == 0 &&
             BPF_CORE_READ_INTO((struct in6_addr*)remote, sk, __sk_common.skc_v6_daddr) == 0;
    default:
      return false;
  }
}

static __always_inline uint32_t network_namespace_of(const struct sock* sk) {
  return bpf_core_field_exists(sk->__sk_common.skc_net.net)
             ? BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum)
             : 0;
}

static __always_inline bool is_loopback(const uint32_t* address) {
  if (address[0] || address[1]) return false;
  if (address[2] == MAPPED_PREFIX) return (bpf_ntohl(address[3]) >> 24) == LOOPBACK_NET;
  return !address[2] && address[3] == bpf_htonl(1);
}

/* `end` is all zero. */
static __noinline int read_tcp_end(uint32_t descriptor, uint32_t is_client, struct tcp_end* end) {
  if (!may_read_kernel) return false;
  struct up_connection* connection = &end->connection;
  const struct sock* sk = socket_of(descriptor);
  if (!sk) return false;
  uint16_t local = BPF_CORE_READ(sk, __sk_common.skc_num);
  uint16_t remote = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  connection->client_port = is_client ? local : remote;
  connection->server_port = is_client ? remote : local;
  if (!(is_client ? read_addresses(sk, connection->client_address, connection->server_address)
                  : read_addresses(sk, connection->server_address, connection->client_address)))
    return false;
  if (is_loopback(connection->client_address))
    connection->network_namespace = network_namespace_of(sk);
  const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
  end->written = BPF_CORE_READ(tcp, write_seq);
  end->read = BPF_CORE_READ(tcp, copied_seq);
  return true;
}

#define CONNECTION_WORDS (sizeof(struct up_connection) / sizeof(uint32_t))

/* The key in outgoing_connections; never 0. Connections that share one lose a parent, no more. */
static __always_inline uint64_t connection_key(const struct up_connection* connection) {
  const uint32_t* words = (const uint32_t*)connection;
  uint64_t hash = 0;
  _Pragma("unroll") for (uint32_t i = 0; i < CONNECTION_WORDS; i++) {
    hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ULL; /* 2^64 by the golden ratio */
    hash ^= hash >> 32;
  }
  return hash | 1;
}

static __always_inline bool is_same_connection(const struct up_connection* one,
                                               const struct up_connection* other) {
  const uint32_t* words = (const uint32_t*)one;
  const uint32_t* others = (const uint32_t*)other;
  uint32_t difference = 0;
  _Pragma("unroll") for (uint32_t i = 0; i < CONNECTION_WORDS; i++) difference |=
      words[i] ^ others[i];
  return !difference;
}

/* Notes under `key` the connection that a request is about to be written to. */
static __always_inline void note_connection(const struct tcp_end* end, uint64_t key,
                                            const struct up_in_flight_key* client,
                                            const struct up_in_flight_request* request) {
  struct up_outgoing_request outgoing = {.connection = end->connection,
                                         .client = *client,
                                         .written = end->written,
                                         .slot = request->slot};
  __builtin_memcpy(outgoing.span_id, request->span_id, UP_SPAN_ID_SIZE);
  /* There is room, see the map. Should it fail, what is served for this request stays a root. */
  bpf_map_update_elem(&outgoing_connections, &key, &outgoing, BPF_ANY);
  if (!connections_are_noted) connections_are_noted = true;
}

/* The same of a persistConn. Returns its key; 0 where it is none that can be known. */
static __always_inline uint64_t note_persist_conn(const struct up_profile_slot* profile,
                                                  uint64_t persist_conn,
                                                  const struct up_in_flight_key* client,
                                                  const struct up_in_flight_request* request) {
  struct tcp_end end = {};
  uint64_t tls;
  uint32_t descriptor;
  if (!has_field(profile, UP_FIELD_PERSIST_CONN_CONN) ||
      !read_field(profile, UP_FIELD_PERSIST_CONN_TLS_STATE, persist_conn, &tls) ||
      !read_descriptor(profile, field_address(profile, UP_FIELD_PERSIST_CONN_CONN, persist_conn),
                       tls, &descriptor) ||
      !read_tcp_end(descriptor, true, &end))
    return 0;
  uint64_t key = connection_key(&end.connection);
  note_connection(&end, key, client, request);
  return key;
}

/* The file descriptor of the connection that a request of HTTP/1 came on. A net/http.response knows
 * its request, which nothing else that a handler is given does. */
static __noinline int read_served_descriptor(const struct up_profile_slot* profile,
                                             const struct up_in_flight_request* request,
                                             uint32_t* descriptor) {
  uint64_t value, tls, conn;
  return stitched_slots && connections_are_noted &&
         read_field(profile, UP_FIELD_REQUEST_PROTO_MAJOR, request->request, &value) &&
         value == 1 &&
         read_field(profile, UP_FIELD_SERVER_RESPONSE_REQ, request->response, &value) &&
         value == request->request &&
         read_field(profile, UP_FIELD_REQUEST_TLS, request->request, &tls) &&
         read_field(profile, UP_FIELD_SERVER_RESPONSE_CONN, request->response, &conn) &&
         has_field(profile, UP_FIELD_CONN_RWC) &&
         read_descriptor(profile, field_address(profile, UP_FIELD_CONN_RWC, conn), tls, descriptor);
}

static __always_inline bool is_made_on(const struct up_in_flight_request* client, uint64_t key,
                                       const uint8_t* span_id) {
  return client && client->connection == key &&
         same_words(client->span_id, span_id, UP_SPAN_ID_SIZE);
}

/* Whether what the server has read lies behind what the client had written before the request. Of
 * HTTP/2 it may have read any number of other requests since. */
static __always_inline bool is_read_by(uint32_t written, uint32_t read, bool http2) {
  uint32_t bytes = read - written;
  return http2 ? (int32_t)bytes > 0 : bytes - 1 < MAX_REQUEST_HEAD;
}

/* Makes the incoming `request` a child of the outgoing one that is noted for its connection. */
static __noinline int inherit_by_connection(const struct served* served,
                                            struct up_in_flight_request* request) {
  struct tcp_end end = {};
  if (!read_tcp_end(served->descriptor, false, &end)) return false;
  end.connection.stream = served->stream;
  uint64_t key = connection_key(&end.connection);
  const struct up_outgoing_request* entry = bpf_map_lookup_elem(&outgoing_connections, &key);
  if (!entry) return false;
  const struct up_in_flight_key client_key = entry->client;
  if (!is_same_connection(&entry->connection, &end.connection) ||
      !is_read_by(entry->written, end.read, served->stream))
    return false;
  const struct up_in_flight_request* client = bpf_map_lookup_elem(&client_requests, &client_key);
  if (!is_made_on(client, key, entry->span_id)) return false;
  inherit_ids(request, client);
  /* The client may give up meanwhile, and what took its place in the map have been copied. */
  client = bpf_map_lookup_elem(&client_requests, &client_key);
  if (!is_made_on(client, key, request->parent_span_id) ||
      !same_words(client->trace_id, request->trace_id, UP_TRACE_ID_SIZE)) {
    __builtin_memset(request->parent_span_id, 0, UP_SPAN_ID_SIZE);
    new_trace_id(request);
    return false;
  }
  request->flags |= UP_FLAG_CONNECTION_PARENT;
  bpf_map_delete_elem(&outgoing_connections, &key);
  return true;
}

#endif /* UPROBED_BPF_CONNECTION_H_ */
