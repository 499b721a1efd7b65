// The directory of geo files.
#include <muxpro/proxy/geo_files.hpp>

#include "catch.hpp"

#include <filesystem>
#include <fstream>

using muxpro::proxy::geo_files;

TEST_CASE("geo files are read from their directory, and from nowhere else", "[proxy][router]") {
  const auto directory = std::filesystem::temp_directory_path() / "muxpro-geo-files";
  std::filesystem::create_directories(directory / "sub.dat");
  std::ofstream(directory / "mine.dat", std::ios::binary) << "content";
  geo_files f(directory);
  REQUIRE(f.find("mine.dat"));
  CHECK(f.find("mine.dat")->size() == 7);
  for (const char* name : {"", ".", "..", "sub.dat", "missing.dat", "../muxpro-geo-files/mine.dat",
                           "/etc/passwd", ".hidden", "a b", "sub.dat/../mine.dat"}) {
    INFO(name);
    CHECK_FALSE(f.find(name));
  }
  CHECK_FALSE(geo_files().find("mine.dat"));
  std::filesystem::remove_all(directory);
}
