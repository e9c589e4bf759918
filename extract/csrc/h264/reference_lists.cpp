#include "h264/reference_lists.h"

#include <algorithm>

namespace videotx::h264 {
namespace {

std::int32_t pic_num(const PicturePointer& p) { return p->frame_num_wrap; }
std::uint32_t long_term_pic_num(const PicturePointer& p) { return p->long_term_frame_idx; }

void append_long_term(ReferenceList& list, const ReferenceList& references) {
  const auto first = static_cast<std::ptrdiff_t>(list.size());
  std::ranges::copy_if(references, std::back_inserter(list),
                       [](const auto& p) { return p->marking == Marking::kLongTerm; });
  std::ranges::sort(list.begin() + first, list.end(), {}, long_term_pic_num);
}

ReferenceList initial_list_p(const ReferenceList& references) {  // clause 8.2.4.2.1
  ReferenceList list;
  std::ranges::copy_if(references, std::back_inserter(list),
                       [](const auto& p) { return p->marking == Marking::kShortTerm; });
  std::ranges::sort(list, std::greater<>{}, pic_num);
  append_long_term(list, references);
  return list;
}

// Clause 8.2.4.2.3: the pictures of one side of the current one by distance, then those of the other side.
ReferenceList initial_list_b(const ReferenceList& references, const SliceHeader& header, std::int32_t order, bool future) {
  ReferenceList near_side;
  ReferenceList far_side;
  for (const PicturePointer& p : references) {
    if (p->marking != Marking::kShortTerm) continue;
    if (p->non_existing && header.sps->poc_type == 0) continue;
    ((p->order_count() > order) == future ? near_side : far_side).push_back(p);
  }
  const auto by_order = [](const PicturePointer& p) { return p->order_count(); };
  std::ranges::sort(future ? near_side : far_side, {}, by_order);
  std::ranges::sort(future ? far_side : near_side, std::greater<>{}, by_order);
  near_side.insert(near_side.end(), far_side.begin(), far_side.end());
  append_long_term(near_side, references);
  return near_side;
}

// Puts `picture` at `index` and closes the gap it leaves behind (clauses 8.2.4.3.1 and 8.2.4.3.2).
void move_to(ReferenceList& list, std::size_t index, const PicturePointer& picture) {
  list.insert(list.begin() + static_cast<std::ptrdiff_t>(index), picture);
  const auto rest = list.begin() + static_cast<std::ptrdiff_t>(index) + 1;
  const auto twin = std::find(rest, list.end(), picture);
  if (twin != list.end()) {
    list.erase(twin);
  } else {
    list.pop_back();
  }
}

void modify(ReferenceList& list, const std::vector<ListModification>& modifications, const SliceHeader& header,
            const ReferenceList& references) {
  const std::int32_t max_pic_num = 1 << header.sps->log2_max_frame_num;
  const auto current = static_cast<std::int32_t>(header.frame_num);
  std::int32_t predicted = current;
  std::size_t index = 0;
  for (const ListModification& step : modifications) {
    if (index >= list.size()) break;
    PicturePointer picture;
    if (step.idc < 2) {
      const auto difference = static_cast<std::int32_t>(step.value % static_cast<std::uint32_t>(max_pic_num)) + 1;
      predicted += step.idc == 0 ? -difference : difference;
      predicted = (predicted % max_pic_num + max_pic_num) % max_pic_num;
      const std::int32_t wanted = predicted > current ? predicted - max_pic_num : predicted;
      const auto found = std::ranges::find_if(references, [wanted](const PicturePointer& p) {
        return p->marking == Marking::kShortTerm && pic_num(p) == wanted;
      });
      if (found != references.end()) picture = *found;
    } else {
      const auto found = std::ranges::find_if(references, [&step](const PicturePointer& p) {
        return p->marking == Marking::kLongTerm && long_term_pic_num(p) == step.value;
      });
      if (found != references.end()) picture = *found;
    }
    if (picture) move_to(list, index++, picture);
  }
}

}  // namespace

std::array<ReferenceList, 2> reference_lists(const SliceHeader& header, const Picture& current,
                                             const ReferenceList& references) {
  std::array<ReferenceList, 2> lists;
  if (header.is_intra()) return lists;
  if (header.is_b()) {
    lists[0] = initial_list_b(references, header, current.order_count(), false);
    lists[1] = initial_list_b(references, header, current.order_count(), true);
    if (lists[1].size() > 1 && lists[0] == lists[1]) std::swap(lists[1][0], lists[1][1]);
  } else {
    lists[0] = initial_list_p(references);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    lists[i].resize(header.num_ref_idx[i]);
    modify(lists[i], header.modifications[i], header, references);
  }
  return lists;
}

}  // namespace videotx::h264
