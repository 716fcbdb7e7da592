#ifndef UPROBED_SERVER_SERVICE_NOTIFICATION_H_
#define UPROBED_SERVER_SERVICE_NOTIFICATION_H_

#include <string>

namespace uprobed {

// Tells the service manager that started the daemon ("READY=1"), after sd_notify(3): one datagram
// to $NOTIFY_SOCKET. Does nothing where there is no such socket; a failure is logged.
void NotifyServiceManager(const std::string& state);

}  // namespace uprobed

#endif  // UPROBED_SERVER_SERVICE_NOTIFICATION_H_
