#include "server/probe/site_program.h"

namespace uprobed::probe {

SiteProgram ProgramOf(profile::SiteKind kind) {
  using profile::SiteKind;
  switch (kind) {
    case SiteKind::kServerStart:
      return {"server_start", ProgramGroup::kHttp, UP_COUNTER_HITS_SERVER_START};
    case SiteKind::kServerEnd:
      return {"server_end", ProgramGroup::kHttp, UP_COUNTER_HITS_SERVER_END};
    case SiteKind::kServerRecover:
      return {"server_recover", ProgramGroup::kHttp, UP_COUNTER_HITS_SERVER_RECOVER};
    case SiteKind::kServerRefused:
      return {"server_refused", ProgramGroup::kHttp, UP_COUNTER_HITS_SERVER_REFUSED};
    case SiteKind::kHttp2ServerStart:
      return {"http2_server_start", ProgramGroup::kHttp, UP_COUNTER_HITS_HTTP2_SERVER_START};
    case SiteKind::kHttp2ServerEnd:
      return {"http2_server_end", ProgramGroup::kHttp, UP_COUNTER_HITS_HTTP2_SERVER_END};
    case SiteKind::kHttp2ServerGoexit:
    case SiteKind::kHttp2ServerPanic:
    case SiteKind::kHttp2ServerAbort:
      return {"http2_server_unfinished", ProgramGroup::kHttp,
              UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED};
    case SiteKind::kClientStart:
      return {"client_start", ProgramGroup::kHttp, UP_COUNTER_HITS_CLIENT_START};
    case SiteKind::kClientConnection:
      return {"client_connection", ProgramGroup::kHttp, UP_COUNTER_HITS_CLIENT_CONNECTION};
    case SiteKind::kClientResult:
    case SiteKind::kClientError:
    case SiteKind::kClientExchangeError:
    case SiteKind::kClientBranch:
      return {"client_end", ProgramGroup::kHttp, UP_COUNTER_HITS_CLIENT_END};
    case SiteKind::kHttp2ClientAttempt:
      return {"http2_client_attempt", ProgramGroup::kHttp, UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT};
    case SiteKind::kHttp2ClientStream:
      return {"http2_client_stream", ProgramGroup::kHttp, UP_COUNTER_HITS_HTTP2_CLIENT_STREAM};
    case SiteKind::kServerFirstByte:
    case SiteKind::kHttp2ServerFirstByte:
      return {"server_first_byte", ProgramGroup::kResponses, UP_COUNTER_HITS_SERVER_FIRST_BYTE};
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyCause:
    case SiteKind::kClientBodyClose:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kHttp2ClientBodyClose:
      return {"client_body", ProgramGroup::kResponses, UP_COUNTER_HITS_CLIENT_BODY};
    case SiteKind::kServerRoute:
      return {"server_route", ProgramGroup::kHandlers, UP_COUNTER_HITS_SERVER_ROUTE};
    case SiteKind::kServerHandler:
    case SiteKind::kServerRedirect:
      return {"server_handler", ProgramGroup::kHandlers, UP_COUNTER_HITS_SERVER_HANDLER};
    case SiteKind::kGrpcServerStart:
      return {"grpc_server_start", ProgramGroup::kGrpc, UP_COUNTER_HITS_GRPC_SERVER_START};
    case SiteKind::kGrpcServerEnd:
      return {"grpc_server_end", ProgramGroup::kGrpc, UP_COUNTER_HITS_GRPC_SERVER_END};
    case SiteKind::kGrpcServerGone:
      return {"grpc_server_gone", ProgramGroup::kGrpc, UP_COUNTER_HITS_GRPC_SERVER_END};
    case SiteKind::kGrpcClientStart:
      return {"grpc_client_start", ProgramGroup::kGrpc, UP_COUNTER_HITS_GRPC_CLIENT_START};
    case SiteKind::kGrpcClientEnd:
    case SiteKind::kGrpcClientFinish:
    case SiteKind::kGrpcClientFailed:
      return {"grpc_client_end", ProgramGroup::kGrpc, UP_COUNTER_HITS_GRPC_CLIENT_END};
    case SiteKind::kGoroutineStart:
      return {"goroutine_start", ProgramGroup::kHandoffs, UP_COUNTER_HITS_GOROUTINE_START};
    case SiteKind::kTimerStart:
      return {"timer_start", ProgramGroup::kHandoffs, UP_COUNTER_HITS_TIMER};
    case SiteKind::kTimerStop:
      return {"timer_stop", ProgramGroup::kHandoffs, UP_COUNTER_HITS_TIMER};
    case SiteKind::kChannelSend:
      return {"channel_send", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_SEND};
    case SiteKind::kChannelReceive:
      return {"channel_receive", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_RECEIVE};
    case SiteKind::kChannelSendDirect:
      return {"channel_send_direct", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_SEND};
    case SiteKind::kChannelReceiveDirect:
    case SiteKind::kSelectReceiveDirect:
      return {"channel_receive_direct", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_RECEIVE};
    case SiteKind::kSelectSend:
      return {"select_send", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_SEND};
    case SiteKind::kSelectReceive:
      return {"select_receive", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_RECEIVE};
    case SiteKind::kSelectDone:
      return {"select_done", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_RECEIVE};
    case SiteKind::kChannelClose:
      return {"channel_close", ProgramGroup::kHandoffs, UP_COUNTER_HITS_CHANNEL_RECEIVE};
    case SiteKind::kHttp2ClientHeaders:
      return {"http2_client_headers", ProgramGroup::kInjection,
              UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS};
    case SiteKind::kClientHeaders:
      return {"client_headers", ProgramGroup::kInjection, UP_COUNTER_HITS_CLIENT_HEADERS};
    case SiteKind::kGrpcStatusError:
    case SiteKind::kClientGzipBody:
    case SiteKind::kGrpcMetadataKey:
    case SiteKind::kGrpcValueContext:
    case SiteKind::kGrpcTcpAddress:
    case SiteKind::kServeMuxCall:
    case SiteKind::kHandlerFunc:
    case SiteKind::kEchoHandler:
    case SiteKind::kOwnHandler:
      break;
  }
  return {nullptr, ProgramGroup::kHttp, UP_COUNTER_COUNT};
}

}  // namespace uprobed::probe
