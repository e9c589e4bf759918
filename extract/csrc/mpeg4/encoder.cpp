#include "mpeg4/encoder.h"

#include <cstdio>
#include <string>

namespace videotx::mpeg4 {
namespace {

constexpr std::size_t kLongest = 255;

constexpr std::uint32_t tag_of(const char (&text)[5]) {
  std::uint32_t tag = 0;
  for (int i = 3; i >= 0; --i) tag = tag << 8 | static_cast<std::uint8_t>(text[i]);
  return tag;
}

std::string read_text(BitReader& bits) {
  std::string text;
  while (text.size() < kLongest && bits.bits_left() >= 8) {
    if (bits.peek(23) == 0) break;  // the next start code
    text.push_back(static_cast<char>(bits.read(8)));
  }
  return text;
}

}  // namespace

void Encoder::read_user_data(BitReader& bits) {
  const std::string text = read_text(bits);
  int version = 0;
  int build = 0;
  char suffix = '\0';
  int fields = std::sscanf(text.c_str(), "DivX%dBuild%d%c", &version, &build, &suffix);
  if (fields < 2) fields = std::sscanf(text.c_str(), "DivX%db%d%c", &version, &build, &suffix);
  if (fields >= 2) {
    divx_version = version;
    divx_build = build;
    packed = fields == 3 && suffix == 'p';
  }
  int micro = 0;
  if (std::sscanf(text.c_str(), "Lavc%d.%d.%d", &version, &build, &micro) == 3) {
    if (version >= 0 && version < 256 && build >= 0 && build < 256 && micro >= 0 && micro < 256) {
      lavc_build = version << 16 | build << 8 | micro;
    }
  } else if (text == "ffmpeg") {
    lavc_build = 4600;
  }
  if (std::sscanf(text.c_str(), "XviD%d", &build) == 1) xvid_build = build;
}

void Encoder::read_codec_tag(std::uint32_t tag, bool old_divx_syntax) {
  if (xvid_build == -1 && divx_version == -1 && lavc_build == -1) {
    for (const std::uint32_t xvid : {tag_of("XVID"), tag_of("XVIX"), tag_of("RMP4"), tag_of("ZMP4"), tag_of("SIPP")}) {
      if (tag == xvid) xvid_build = 0;
    }
    if (xvid_build == -1 && tag == tag_of("DIVX") && old_divx_syntax) divx_version = 400;
  }
  if (xvid_build >= 0 && divx_version >= 0) {  // Xvid in disguise
    divx_version = -1;
    divx_build = -1;
  }
}

}  // namespace videotx::mpeg4
