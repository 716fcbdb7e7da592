#include "server/span/path_template.h"

#include "gtest/gtest.h"

namespace uprobed::span {
namespace {

TEST(PathTemplate, LeavesWordsAsTheyAre) {
  for (const char* path :
       {"", "/", "/handle", "/api/v2/users", "/deadbeef", "/a-b-c", "/index.html", "*", "//",
        "/iphone15", "/sale-2026", "/assets/app.3f2a9c1b7d8e4f60.min.js", "/trailing/"}) {
    EXPECT_EQ(PathTemplate(path), path);
  }
}

TEST(PathTemplate, PutsAPlaceholderForIdentifiers) {
  EXPECT_EQ(PathTemplate("/users/4711"), "/users/{id}");
  EXPECT_EQ(PathTemplate("/users/4711/orders/9/"), "/users/{id}/orders/{id}/");
  EXPECT_EQ(PathTemplate("/blobs/0af7651916cd43dd8448eb211c80319c"), "/blobs/{id}");
  EXPECT_EQ(PathTemplate("/x/550E8400-e29b-41d4-a716-446655440000"), "/x/{id}");
  EXPECT_EQ(PathTemplate("/k/01ARZ3NDEKTSV4RRFFQ69G5FAV/name"), "/k/{id}/name");
  EXPECT_EQ(PathTemplate("/orders/INV-20418/lines"), "/orders/{id}/lines");
  EXPECT_EQ(PathTemplate("/days/2026-11-23"), "/days/{id}");
  EXPECT_EQ(PathTemplate("0"), "{id}");
}

TEST(PathTemplate, IsBounded) {
  EXPECT_EQ(PathTemplate("/1/2/3/4/5/6/7/8"), "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}");
  EXPECT_EQ(PathTemplate("/a/b/c/d/e/f/g/h/i"), "/a/b/c/d/e/f/g/h/*");
  EXPECT_EQ(PathTemplate("/a/b/c/d/e/f/g/h/i/j/k"), "/a/b/c/d/e/f/g/h/*");
  EXPECT_EQ(PathTemplate(std::string(100000, '/')), "/////////*");
}

TEST(PathTemplate, TakesWhateverBytesThereAre) {
  EXPECT_EQ(PathTemplate(std::string(100000, 'a')), std::string(100000, 'a'));
  EXPECT_EQ(PathTemplate("/" + std::string(100000, '7')), "/{id}");
  EXPECT_EQ(PathTemplate(std::string("/a\0b/\x01\xFF/7", 9)),
            std::string("/a\0b/\x01\xFF/{id}", 12));
  std::string many;
  for (int i = 0; i < 10000; ++i) many += "/" + std::to_string(i);
  EXPECT_EQ(PathTemplate(many), "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}/*");
}

TEST(PathTemplate, OfATemplateIsTheSame) {
  const std::string once = PathTemplate("/users/4711/orders/9");
  EXPECT_EQ(PathTemplate(once), once);
}

}  // namespace
}  // namespace uprobed::span
