#include "h264/reference_lists.h"

#include <algorithm>
#include <iterator>

namespace videotx::h264 {
namespace {

using Order = std::array<PictureList, 2>;  // short-term frames in the order of the list, then long-term ones

// Pictures with any field, or for frames with both fields, so marked.
PictureList marked(const PictureList& references, Marking marking, bool fields) {
  PictureList list;
  std::ranges::copy_if(references, std::back_inserter(list), [=](const PicturePointer& p) {
    return fields ? p->has_field_marked(marking) : p->marking() == marking;
  });
  return list;
}

PictureList long_term(const PictureList& references, bool fields) {
  PictureList list = marked(references, Marking::kLongTerm, fields);
  std::ranges::sort(list, {}, [](const PicturePointer& p) { return p->long_term_frame_idx; });
  return list;
}

Order order_p(const PictureList& references, bool fields) {  // clauses 8.2.4.2.1 and 8.2.4.2.2
  PictureList list = marked(references, Marking::kShortTerm, fields);
  std::ranges::sort(list, std::greater<>{}, [](const PicturePointer& p) { return p->frame_num_wrap; });
  return {list, long_term(references, fields)};
}

// Clauses 8.2.4.2.3 and 8.2.4.2.4: the pictures of one side of the current one by distance, then those of the other
// side.
Order order_b(const PictureList& references, const SliceHeader& header, std::int32_t order, bool future) {
  PictureList near_side;
  PictureList far_side;
  for (const PicturePointer& p : marked(references, Marking::kShortTerm, header.field_pic)) {
    if (p->non_existing && header.sps->poc_type == 0) continue;
    ((p->order_count() > order) == future ? near_side : far_side).push_back(p);
  }
  const auto by_order = [](const PicturePointer& p) { return p->order_count(); };
  std::ranges::sort(future ? near_side : far_side, {}, by_order);
  std::ranges::sort(future ? far_side : near_side, std::greater<>{}, by_order);
  near_side.insert(near_side.end(), far_side.begin(), far_side.end());
  return {near_side, long_term(references, header.field_pic)};
}

// Clause 8.2.4.2.5: fields of alternating parity as long as there are both, beginning with the current one's.
void append_fields(ReferenceList& list, const PictureList& frames, Marking marking, Structure current) {
  std::array<std::size_t, 2> next{};  // of the same parity, of the other one
  const std::array<Structure, 2> structure = {current, opposite(current)};
  const auto seek = [&](std::size_t i) {
    while (next[i] < frames.size() && frames[next[i]]->marking(structure[i]) != marking) ++next[i];
    return next[i] < frames.size();
  };
  for (std::size_t turn = 0; seek(0) || seek(1); turn = 1 - turn) {
    const std::size_t i = seek(turn) ? turn : 1 - turn;
    list.push_back({frames[next[i]++], structure[i]});
  }
}

ReferenceList initial_list(const Order& order, Structure current) {
  ReferenceList list;
  if (current == Structure::kFrame) {
    for (const PictureList& part : order) {
      for (const PicturePointer& p : part) list.push_back({p, Structure::kFrame});
    }
  } else {
    append_fields(list, order[0], Marking::kShortTerm, current);
    append_fields(list, order[1], Marking::kLongTerm, current);
  }
  return list;
}

// Puts `picture` at `index` and closes the gap it leaves behind (clauses 8.2.4.3.1 and 8.2.4.3.2).
void move_to(ReferenceList& list, std::size_t index, const Reference& picture) {
  list.insert(list.begin() + static_cast<std::ptrdiff_t>(index), picture);
  const auto rest = list.begin() + static_cast<std::ptrdiff_t>(index) + 1;
  const auto twin = std::find(rest, list.end(), picture);
  if (twin != list.end()) {
    list.erase(twin);
  } else {
    list.pop_back();
  }
}

// The frame or field that a slice of structure `current` calls by this PicNum or LongTermPicNum.
Reference find(const PictureList& references, Marking marking, std::int64_t number, Structure current) {
  for (const PicturePointer& p : references) {
    for (const Structure structure : {Structure::kFrame, Structure::kTop, Structure::kBottom}) {
      if ((structure == Structure::kFrame) != (current == Structure::kFrame)) continue;
      if (p->marking(structure) != marking) continue;
      const std::int64_t own =
          marking == Marking::kShortTerm ? p->pic_num(structure, current) : p->long_term_pic_num(structure, current);
      if (own == number) return {p, structure};
    }
  }
  return {};
}

void modify(ReferenceList& list, const std::vector<ListModification>& modifications, const SliceHeader& header,
            const PictureList& references) {
  const Structure structure = header.structure();
  const std::int64_t max_pic_num = std::int64_t{header.field_pic ? 2 : 1} << header.sps->log2_max_frame_num;
  const std::int64_t current = Picture::number(header.frame_num, structure, structure);
  std::int64_t predicted = current;
  std::size_t index = 0;
  for (const ListModification& step : modifications) {
    if (index >= list.size()) break;
    Reference picture;
    if (step.idc < 2) {
      const std::int64_t difference = step.value % max_pic_num + 1;
      predicted += step.idc == 0 ? -difference : difference;
      predicted = (predicted % max_pic_num + max_pic_num) % max_pic_num;
      const std::int64_t wanted = predicted > current ? predicted - max_pic_num : predicted;
      picture = find(references, Marking::kShortTerm, wanted, structure);
    } else {
      picture = find(references, Marking::kLongTerm, step.value, structure);
    }
    if (picture) move_to(list, index++, picture);
  }
}

}  // namespace

std::array<ReferenceList, 2> reference_lists(const SliceHeader& header, const Picture& current,
                                             const PictureList& references) {
  std::array<ReferenceList, 2> lists;
  if (header.is_intra()) return lists;
  const Structure structure = header.structure();
  if (header.is_b()) {
    const std::int32_t order = current.order_count(structure);
    lists[0] = initial_list(order_b(references, header, order, false), structure);
    lists[1] = initial_list(order_b(references, header, order, true), structure);
    if (lists[1].size() > 1 && lists[0] == lists[1]) std::swap(lists[1][0], lists[1][1]);
  } else {
    lists[0] = initial_list(order_p(references, header.field_pic), structure);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    lists[i].resize(header.num_ref_idx[i]);
    modify(lists[i], header.modifications[i], header, references);
  }
  return lists;
}

}  // namespace videotx::h264
