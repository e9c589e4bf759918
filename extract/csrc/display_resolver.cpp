#include "display_resolver.h"

#include <algorithm>
#include <array>
#include <utility>

namespace videotx {
namespace {

// References are shared by 8x8 samples, so one lookup serves four cells.
void resolve_pairs(CodedPicture& picture, const std::array<std::int8_t, 256>& distance_of) {
  const auto columns = static_cast<std::size_t>(picture.macroblock_columns) * 4;
  for (std::size_t row = 0; row + 2 * columns <= picture.ref.size(); row += 2 * columns) {
    std::int8_t* upper = picture.ref.data() + row;
    for (std::size_t x = 0; x < columns; x += 2) {
      upper[x] = upper[x + 1] = distance_of[static_cast<std::uint8_t>(upper[x])];
    }
    std::copy_n(upper, columns, upper + columns);
  }
}

}  // namespace

void DisplayResolver::display(CodedPicture&& picture) {
  set_place(picture.id, next_index_);
  waiting_.push_back({next_index_, std::move(picture)});
  ++next_index_;
}

void DisplayResolver::never_display(PictureId id) { set_place(id, kNever); }

std::optional<CodedPicture> DisplayResolver::pop() {
  if (waiting_.empty()) return std::nullopt;
  Waiting& front = waiting_.front();
  const auto pending = [this](PictureId id) { return place(id) == kPending; };
  if (!finished_ && std::ranges::any_of(front.picture.references, pending)) return std::nullopt;
  resolve(front);
  std::optional<CodedPicture> picture(std::move(front.picture));
  waiting_.pop_front();
  return picture;
}

void DisplayResolver::set_place(PictureId id, std::int32_t place) {
  if (id < first_id_) return;
  const auto offset = static_cast<std::size_t>(id - first_id_);
  if (offset >= places_.size()) places_.resize(offset + 1, kPending);
  places_[offset] = place;
  while (places_.size() > kRemembered) {
    places_.pop_front();
    ++first_id_;
  }
}

std::int32_t DisplayResolver::place(PictureId id) const {
  if (id < first_id_) return kNever;
  const auto offset = static_cast<std::size_t>(id - first_id_);
  return offset < places_.size() ? places_[offset] : kPending;
}

void DisplayResolver::resolve(Waiting& waiting) const {
  CodedPicture& picture = waiting.picture;
  std::array<std::int8_t, 256> distance_of{};
  distance_of.fill(kRefUnknown);
  for (std::size_t i = 0; i < std::min<std::size_t>(picture.references.size(), 128); ++i) {
    const std::int32_t source = place(picture.references[i]);
    if (source < 0) continue;
    const std::int32_t distance = source - waiting.index;
    // Zero would be the picture itself, which only damaged data can ask for.
    if (distance != 0 && distance >= -127 && distance <= 127) distance_of[i] = static_cast<std::int8_t>(distance);
  }
  distance_of[255] = kRefNone;  // -1
  if (picture.cell == 8) {
    for (std::int8_t& ref : picture.ref) ref = distance_of[static_cast<std::uint8_t>(ref)];
  } else {
    resolve_pairs(picture, distance_of);
  }
  // A field may refer to the other field of its own picture.
  for (std::size_t i = 0; i < std::min<std::size_t>(picture.references.size(), 128); ++i) {
    if (picture.references[i] == picture.id) distance_of[i] = 0;
  }
  for (std::int8_t& ref : picture.coded_ref) ref = distance_of[static_cast<std::uint8_t>(ref)];
}

}  // namespace videotx
