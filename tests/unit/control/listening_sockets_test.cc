#include "server/control/listening_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/control/service_directory.h"
#include "tests/unit/control/fake_proc.h"

namespace uprobed::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using uprobed::testing::FakeProc;
using uprobed::testing::TcpTable;

std::vector<std::string> AuthoritiesOf(const std::string& local_address) {
  const auto listeners = ParseListeners(TcpTable(local_address, "0A", 4711));
  return listeners.empty() ? std::vector<std::string>() : listeners.at(4711);
}

TEST(ParseListeners, ReachesLoopbackAndWildcardByTheLoopbackNames) {
  EXPECT_THAT(AuthoritiesOf("0100007F:1F90"),
              UnorderedElementsAre("127.0.0.1:8080", "localhost:8080"));
  EXPECT_THAT(AuthoritiesOf("00000000:1F90"),
              UnorderedElementsAre("127.0.0.1:8080", "localhost:8080"));
  EXPECT_THAT(AuthoritiesOf("00000000000000000000000000000000:1F90"),
              UnorderedElementsAre("127.0.0.1:8080", "localhost:8080", "[::1]:8080"));
  EXPECT_THAT(AuthoritiesOf("00000000000000000000000001000000:1F90"),
              UnorderedElementsAre("localhost:8080", "[::1]:8080"));
}

TEST(ParseListeners, ReachesAnyOtherAddressLiterally) {
  EXPECT_THAT(AuthoritiesOf("0A01A8C0:0050"), ElementsAre("192.168.1.10:80"));
  EXPECT_THAT(AuthoritiesOf("B80D01200000000000000000010000FF:0050"),
              ElementsAre("[2001:db8::ff00:1]:80"));
  EXPECT_THAT(AuthoritiesOf("0000000000000000FFFF00000A01A8C0:0050"),
              ElementsAre("192.168.1.10:80"));
}

TEST(ParseListeners, LeavesOutWhatDoesNotListenOrParse) {
  EXPECT_THAT(ParseListeners(TcpTable("0100007F:1F90", "01", 4711)), IsEmpty());
  for (const char* address : {"0100007F", "0100007F:", "0100007F:1F90F", "0100007:1F90",
                              "zzzzzzzz:1F90", "0100007F0100007F:1F90", ":1F90"}) {
    EXPECT_THAT(AuthoritiesOf(address), IsEmpty()) << address;
  }
  EXPECT_THAT(ParseListeners(""), IsEmpty());
  EXPECT_THAT(ParseListeners("\n\n0: 0100007F:1F90 0 0A"), IsEmpty());
}

TEST(ListeningSockets, JoinsTheSocketsOfAProcessWithItsNamespace) {
  FakeProc proc;
  for (const uint32_t pid : {7U, 8U, 9U}) proc.AddProcess(pid, "/srv/shop");
  proc.SetNetworkNamespace(9, "pod");
  proc.Write(7, "net/tcp", TcpTable("0100007F:1F90", "0A", 1));
  proc.Write(7, "net/tcp6", TcpTable("00000000000000000000000001000000:0050", "0A", 2));
  proc.Write(9, "net/tcp", TcpTable("0100007F:1F90", "0A", 1));
  proc.AddSocket(7, 3, 1);
  proc.AddSocket(7, 4, 99);
  proc.AddSocket(8, 3, 2);
  proc.AddSocket(9, 5, 1);
  ListeningSockets sockets(proc.root());
  const uint64_t host = proc.NetworkNamespace("host");
  const uint64_t pod = proc.NetworkNamespace("pod");

  EXPECT_THAT(sockets.Of(7), ElementsAre(ListeningAddress{host, "127.0.0.1:8080"},
                                         ListeningAddress{host, "localhost:8080"}));
  EXPECT_THAT(sockets.Of(8), ElementsAre(ListeningAddress{host, "[::1]:80"},
                                         ListeningAddress{host, "localhost:80"}));
  EXPECT_THAT(sockets.Of(9), ElementsAre(ListeningAddress{pod, "127.0.0.1:8080"},
                                         ListeningAddress{pod, "localhost:8080"}));
  EXPECT_THAT(sockets.Of(1000), IsEmpty());
}

class ServiceDirectoryTest : public ::testing::Test {
 protected:
  ServiceDirectoryTest()
      : services_(proc_.root(),
                  [this](uint64_t, const std::string& authority, const std::string& service) {
                    announced_.push_back(authority + " " + service);
                  }) {
    proc_.AddProcess(7, "/srv/shop");
    proc_.Write(7, "net/tcp", TcpTable("0A01A8C0:0050", "0A", 1));
    proc_.AddSocket(7, 3, 1);
  }
  static ServiceDirectory::Process Process(const std::string& service_name = "") {
    return {.pid = 7, .service_name = service_name, .binary_path = "/srv/shop"};
  }

  FakeProc proc_;
  std::vector<std::string> announced_;
  ServiceDirectory services_;
};

TEST_F(ServiceDirectoryTest, AnnouncesAnAddressOnce) {
  services_.Update({Process()});
  services_.Update({Process()});
  EXPECT_THAT(announced_, ElementsAre("192.168.1.10:80 shop"));
}

TEST_F(ServiceDirectoryTest, AnnouncesAnotherNameAnEndAndAReturn) {
  services_.Update({Process()});
  proc_.Write(7, "environ", "OTEL_SERVICE_NAME=front");
  services_.Update({Process()});
  services_.Update({Process("named")});
  services_.Update({});
  services_.Update({Process("named")});
  EXPECT_THAT(announced_,
              ElementsAre("192.168.1.10:80 shop", "192.168.1.10:80 front", "192.168.1.10:80 named",
                          "192.168.1.10:80 ", "192.168.1.10:80 named"));
}

TEST_F(ServiceDirectoryTest, DoesNothingWithoutAListener) {
  ServiceDirectory services(proc_.root(), nullptr);
  services.Update({Process()});
  EXPECT_THAT(announced_, IsEmpty());
}

}  // namespace
}  // namespace uprobed::control
