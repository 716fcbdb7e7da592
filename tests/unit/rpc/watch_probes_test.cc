#include "tests/unit/rpc/server_fixture.h"

namespace uprobed::rpc {
namespace {

using ProbeStub = v1::ProbeService::Stub;

class WatchTest : public ServerTest {
 protected:
  void Watch(const std::string& resume_token = "") {
    v1::WatchProbesRequest request;
    request.set_resume_token(resume_token);
    context_ = std::make_unique<grpc::ClientContext>();
    reader_ = probes_->WatchProbes(context_.get(), request);
  }
  // "ADDED probes/shop", "BOOKMARK"; "end" where there is no more.
  std::string Next() {
    if (!reader_->Read(&last_)) return "end";
    const std::string type = v1::WatchProbesResponse::Type_Name(last_.type()).substr(5);
    return last_.has_probe() ? type + " " + last_.probe().name() : type;
  }
  void Delete(const std::string& name) {
    v1::DeleteProbeRequest request;
    request.set_name(name);
    google::protobuf::Empty response;
    EXPECT_EQ(Summary(Call(*probes_, &ProbeStub::DeleteProbe, request, &response)), "OK");
  }
  grpc::Status Update(const v1::UpdateProbeRequest& request) {
    v1::Probe updated;
    return Call(*probes_, &ProbeStub::UpdateProbe, request, &updated);
  }

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchProbesResponse>> reader_;
  v1::WatchProbesResponse last_;
};

TEST_F(WatchTest, ListsThenTellsChanges) {
  CreateWaiting("a");
  CreateWaiting("b");
  Watch();
  EXPECT_EQ(Next(), "ADDED probes/a");
  EXPECT_EQ(last_.resume_token(), "");
  EXPECT_EQ(Next(), "ADDED probes/b");
  EXPECT_EQ(Next(), "BOOKMARK");
  EXPECT_NE(last_.resume_token(), "");
  Delete("probes/a");
  EXPECT_EQ(Next(), "DELETED probes/a");
  CreateWaiting("c");
  EXPECT_EQ(Next(), "ADDED probes/c");
  context_->TryCancel();
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(reader_->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(WatchTest, BeginsWithABookmarkWhereThereIsNothing) {
  Watch();
  EXPECT_EQ(Next(), "BOOKMARK");
  context_->TryCancel();
}

TEST_F(WatchTest, ResumesBehindAToken) {
  Watch();
  EXPECT_EQ(Next(), "BOOKMARK");
  CreateWaiting("a");
  EXPECT_EQ(Next(), "ADDED probes/a");
  const std::string token = last_.resume_token();
  context_->TryCancel();
  CreateWaiting("b");
  Watch(token);
  EXPECT_EQ(Next(), "ADDED probes/b");
  EXPECT_EQ(Next(), "BOOKMARK");
  context_->TryCancel();
}

TEST_F(WatchTest, RefusesBadTokens) {
  Watch("nonsense");
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(Summary(reader_->Finish()), "INVALID_ARGUMENT RESUME_TOKEN_MALFORMED");
  Watch("w1-1");
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(Summary(reader_->Finish()), "OUT_OF_RANGE RESUME_TOKEN_EXPIRED");
}

TEST_F(WatchTest, EndsWithTheController) {
  Watch();
  EXPECT_EQ(Next(), "BOOKMARK");
  controller_->Stop();
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(Summary(reader_->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST_F(WatchTest, SaysThatItLostChanges) {
  Watch();
  EXPECT_EQ(Next(), "BOOKMARK");
  // Nothing is read meanwhile: first the connection is full, then the watcher's queue. A label
  // makes each event long, so that it does not take too many.
  v1::UpdateProbeRequest update;
  *update.mutable_probe() = CreateWaiting("shop");
  update.mutable_probe()->clear_etag();
  for (int i = 0; i < 64; ++i) {
    (*update.mutable_probe()->mutable_labels())[std::to_string(i)] = std::string(255, 'x');
  }
  for (int i = 0; i < 1500; ++i) {
    (*update.mutable_probe()->mutable_labels())["0"] = std::to_string(i);
    ASSERT_EQ(Summary(Update(update)), "OK");
  }
  std::string told;
  do told = Next();
  while (told != "end");
  EXPECT_EQ(Summary(reader_->Finish()), "ABORTED WATCH_OVERFLOWED");
}

}  // namespace
}  // namespace uprobed::rpc
