#include "server/stream/span_demand.h"

namespace uprobed::stream {

std::unique_ptr<SpanDemand::Claim> SpanDemand::Enter() {
  const absl::MutexLock lock(&mutex_);
  auto claim = std::make_unique<Claim>(*this);
  if (claims_++ == 0) on_change_(true);
  return claim;
}

void SpanDemand::Leave() {
  const absl::MutexLock lock(&mutex_);
  if (--claims_ == 0) on_change_(false);
}

}  // namespace uprobed::stream
