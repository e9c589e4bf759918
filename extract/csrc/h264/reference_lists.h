// Reference picture lists of a slice: initialisation and modification (clause 8.2.4), for frames and fields.
#pragma once

#include <array>

#include "h264/picture.h"
#include "h264/slice_header.h"

namespace videotx::h264 {

// RefPicList0 and RefPicList1 with num_ref_idx entries each. Entries that name no picture are null.
std::array<ReferenceList, 2> reference_lists(const SliceHeader& header, const Picture& current,
                                             const PictureList& references);

}  // namespace videotx::h264
