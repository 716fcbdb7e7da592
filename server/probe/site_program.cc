#include "server/probe/site_program.h"

namespace uprobed::probe {

SiteProgram ProgramOf(profile::SiteKind kind) {
  using profile::SiteKind;
  switch (kind) {
    case SiteKind::kServerStart:
      return {"server_start", ProgramGroup::kHttp};
    case SiteKind::kServerEnd:
      return {"server_end", ProgramGroup::kHttp};
    case SiteKind::kServerRecover:
      return {"server_recover", ProgramGroup::kHttp};
    case SiteKind::kServerRefused:
      return {"server_refused", ProgramGroup::kHttp};
    case SiteKind::kHttp2ServerStart:
      return {"http2_server_start", ProgramGroup::kHttp};
    case SiteKind::kHttp2ServerEnd:
      return {"http2_server_end", ProgramGroup::kHttp};
    case SiteKind::kHttp2ServerGoexit:
    case SiteKind::kHttp2ServerPanic:
    case SiteKind::kHttp2ServerAbort:
      return {"http2_server_unfinished", ProgramGroup::kHttp};
    case SiteKind::kClientStart:
      return {"client_start", ProgramGroup::kHttp};
    case SiteKind::kClientConnection:
      return {"client_connection", ProgramGroup::kHttp};
    case SiteKind::kClientResult:
    case SiteKind::kClientError:
    case SiteKind::kClientExchangeError:
    case SiteKind::kClientBranch:
      return {"client_end", ProgramGroup::kHttp};
    case SiteKind::kHttp2ClientAttempt:
      return {"http2_client_attempt", ProgramGroup::kHttp};
    case SiteKind::kHttp2ClientStream:
      return {"http2_client_stream", ProgramGroup::kHttp};
    case SiteKind::kServerFirstByte:
    case SiteKind::kHttp2ServerFirstByte:
      return {"server_first_byte", ProgramGroup::kResponses};
    case SiteKind::kClientBodyRead:
    case SiteKind::kClientBodyCause:
    case SiteKind::kClientBodyClose:
    case SiteKind::kHttp2ClientBodyRead:
    case SiteKind::kHttp2ClientBodyClose:
      return {"client_body", ProgramGroup::kResponses};
    case SiteKind::kServerRoute:
      return {"server_route", ProgramGroup::kHandlers};
    case SiteKind::kServerHandler:
    case SiteKind::kServerRedirect:
      return {"server_handler", ProgramGroup::kHandlers};
    case SiteKind::kGrpcServerStart:
      return {"grpc_server_start", ProgramGroup::kGrpc};
    case SiteKind::kGrpcServerEnd:
      return {"grpc_server_end", ProgramGroup::kGrpc};
    case SiteKind::kGrpcServerGone:
      return {"grpc_server_gone", ProgramGroup::kGrpc};
    case SiteKind::kGrpcClientStart:
      return {"grpc_client_start", ProgramGroup::kGrpc};
    case SiteKind::kGrpcClientEnd:
    case SiteKind::kGrpcClientFinish:
    case SiteKind::kGrpcClientFailed:
      return {"grpc_client_end", ProgramGroup::kGrpc};
    case SiteKind::kGoroutineStart:
      return {"goroutine_start", ProgramGroup::kHandoffs};
    case SiteKind::kTimerStart:
      return {"timer_start", ProgramGroup::kHandoffs};
    case SiteKind::kTimerStop:
      return {"timer_stop", ProgramGroup::kHandoffs};
    case SiteKind::kChannelSend:
      return {"channel_send", ProgramGroup::kHandoffs};
    case SiteKind::kChannelReceive:
      return {"channel_receive", ProgramGroup::kHandoffs};
    case SiteKind::kChannelSendDirect:
      return {"channel_send_direct", ProgramGroup::kHandoffs};
    case SiteKind::kChannelReceiveDirect:
    case SiteKind::kSelectReceiveDirect:
      return {"channel_receive_direct", ProgramGroup::kHandoffs};
    case SiteKind::kSelectSend:
      return {"select_send", ProgramGroup::kHandoffs};
    case SiteKind::kSelectReceive:
      return {"select_receive", ProgramGroup::kHandoffs};
    case SiteKind::kSelectDone:
      return {"select_done", ProgramGroup::kHandoffs};
    case SiteKind::kChannelClose:
      return {"channel_close", ProgramGroup::kHandoffs};
    case SiteKind::kHttp2ClientHeaders:
      return {"http2_client_headers", ProgramGroup::kInjection};
    case SiteKind::kClientHeaders:
      return {"client_headers", ProgramGroup::kInjection};
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
  return {nullptr, ProgramGroup::kHttp};
}

}  // namespace uprobed::probe
