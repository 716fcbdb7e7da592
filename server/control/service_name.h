#ifndef UPROBED_SERVER_CONTROL_SERVICE_NAME_H_
#define UPROBED_SERVER_CONTROL_SERVICE_NAME_H_

#include <string>
#include <string_view>

namespace uprobed::control {

// service.name as the process itself was told: OTEL_SERVICE_NAME, else service.name in
// OTEL_RESOURCE_ATTRIBUTES (percent-decoded); empty where there is neither. `environment` is the
// content of /proc/<pid>/environ: assignments that end in NUL.
std::string ServiceNameFromEnvironment(std::string_view environment);

// The name given with the probe, else the process's, else the file name of `binary_path`.
std::string ChooseServiceName(const std::string& of_probe, const std::string& of_process,
                              const std::string& binary_path);

}  // namespace uprobed::control

#endif  // UPROBED_SERVER_CONTROL_SERVICE_NAME_H_
