#include "server/span/http_parts.h"

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

struct AuthorityCase {
  const char* text;
  const char* host;
  uint32_t port;
  bool has_port;
};

TEST(ParseAuthority, SplitsHostAndPort) {
  for (const AuthorityCase& each : {AuthorityCase{"stock:8081", "stock", 8081, true},
                                    {"stock", "stock", 0, false},
                                    {"stock:", "stock", 0, false},
                                    {"", "", 0, false},
                                    {"127.0.0.1:65535", "127.0.0.1", 65535, true},
                                    {"[::1]:8080", "::1", 8080, true},
                                    {"[::1]", "::1", 0, false},
                                    {"::1", "::1", 0, false},
                                    {"[::1", "::1", 0, false},
                                    {"a:65536", "a", 0, true},
                                    {"a:-1", "a", 0, true},
                                    {"a:http", "a", 0, true},
                                    {":8080", "", 8080, true}}) {
    const Authority authority = ParseAuthority(each.text);
    EXPECT_EQ(authority.host, each.host) << each.text;
    EXPECT_EQ(authority.port, each.port) << each.text;
    EXPECT_EQ(authority.has_port, each.has_port) << each.text;
  }
}

TEST(JoinAuthority, PutsBracketsAroundIpv6) {
  EXPECT_EQ(JoinAuthority("stock", 8081), "stock:8081");
  EXPECT_EQ(JoinAuthority("::1", 8081), "[::1]:8081");
  EXPECT_EQ(JoinAuthority("::1", 0), "[::1]");
  EXPECT_EQ(JoinAuthority("stock", 0), "stock");
}

TEST(ParseRequestTarget, UnderstandsEveryForm) {
  struct Case {
    const char* target;
    const char* path;
    const char* query;
    bool has_query;
  };
  for (const Case& each : {Case{"/a/b", "/a/b", "", false},
                           {"/a?x=1", "/a", "x=1", true},
                           {"/a?", "/a", "", true},
                           {"/a?x=/?y", "/a", "x=/?y", true},
                           {"/go?to=http://b/c", "/go", "to=http://b/c", true},
                           {"http://host/p?x", "/p", "x", true},
                           {"http://host:80", "/", "", false},
                           {"https://host?x=1", "/", "x=1", true},
                           {"*", "*", "", false},
                           {"host:443", "", "", false},
                           {"", "", "", false}}) {
    const RequestTarget target = ParseRequestTarget(each.target);
    EXPECT_EQ(target.path, each.path) << each.target;
    EXPECT_EQ(target.query, each.query) << each.target;
    EXPECT_EQ(target.has_query, each.has_query) << each.target;
  }
}

TEST(RouteOfPattern, DropsMethodAndHost) {
  EXPECT_EQ(RouteOfPattern("/items/{id}"), "/items/{id}");
  EXPECT_EQ(RouteOfPattern("GET /items/{id}"), "/items/{id}");
  EXPECT_EQ(RouteOfPattern("GET \t example.com/items/{path...}"), "/items/{path...}");
  EXPECT_EQ(RouteOfPattern("example.com/"), "/");
  EXPECT_EQ(RouteOfPattern("example.com"), "");
  EXPECT_EQ(RouteOfPattern(""), "");
}

TEST(EscapePath, EscapesAsNetUrlDoes) {
  EXPECT_EQ(EscapePath("/a-b_c.~$&+,/:;=@1"), "/a-b_c.~$&+,/:;=@1");
  EXPECT_EQ(EscapePath("/a b?c#d%"), "/a%20b%3Fc%23d%25");
  EXPECT_EQ(EscapePath("/\xC3\xA4\xFF\n"), "/%C3%A4%FF%0A");
  EXPECT_EQ(EscapePath("*"), "*");
  EXPECT_EQ(EscapePath("/*"), "/%2A");
}

TEST(IsKnownMethod, KnowsWhatOpenTelemetryKnows) {
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}) {
    EXPECT_TRUE(IsKnownMethod(method)) << method;
  }
  for (const char* method : {"", "get", "GETS", "PROPFIND"}) {
    EXPECT_FALSE(IsKnownMethod(method)) << method;
  }
}

TEST(DefaultPort, IsKnownForHttpAndHttps) {
  EXPECT_EQ(DefaultPort("http"), 80u);
  EXPECT_EQ(DefaultPort("https"), 443u);
  EXPECT_EQ(DefaultPort("unix"), 0u);
  EXPECT_EQ(DefaultPort(""), 0u);
}

TEST(RouteOfTemplate, LeavesTemplatesAsTheyAre) {
  for (const char* route : {"", "/", "/users/:id", "/users/{id}/", "/files/*", "/files/*path",
                            "/{id:[0-9 ]+}", "/a/*b/c", "*"}) {
    EXPECT_EQ(RouteOfTemplate(route), route);
  }
}

TEST(RouteOfTemplate, JoinsThoseOfRoutersInRouters) {
  EXPECT_EQ(RouteOfTemplate("/api/*/users/{id}"), "/api/users/{id}");
  EXPECT_EQ(RouteOfTemplate("/api/v1/*/orders/{order}/*/{item}"), "/api/v1/orders/{order}/{item}");
  EXPECT_EQ(RouteOfTemplate("/api/*/"), "/api");
  EXPECT_EQ(RouteOfTemplate("/*/*/*/x"), "/x");
  EXPECT_EQ(RouteOfTemplate("/*/"), "/");
  EXPECT_EQ(RouteOfTemplate("/api/*"), "/api/*");
}

}  // namespace
}  // namespace uprobed::span
