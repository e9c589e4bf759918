// Tables of ISO/IEC 14496-2.
#pragma once

#include <array>
#include <cstdint>

#include "mpeg4/vlc.h"

namespace videotx::mpeg4 {

using Scan = std::array<std::uint8_t, 64>;  // place in the bitstream -> 8 * row + column

inline constexpr int kMcbpcIntraStuffing = 8;
inline constexpr int kMcbpcInterStuffing = 20;

extern const Vlc<9> kMcbpcIntra;       // Table B-6; symbol: cbpc, plus 4 where dquant follows
extern const Vlc<9> kMcbpcInter;       // Table B-7; symbol: cbpc + 4 * mbtype
extern const Vlc<6> kCbpy;             // Table B-8; symbol: cbpy of an intra macroblock
extern const Vlc<12> kMotionVector;    // Table B-12; symbol: magnitude, without the sign bit
extern const Vlc<11> kDcSizeLuma;      // Table B-13
extern const Vlc<12> kDcSizeChroma;    // Table B-14
extern const Vlc<4> kMbTypeB;          // Table B-3: 0 direct, 1 interpolate, 2 backward, 3 forward
extern const Vlc<12> kSpriteLength;    // Table B-33
extern const CoefficientTable kCoefficientsIntra;         // Table B-16
extern const CoefficientTable kCoefficientsInter;         // Table B-17
extern const CoefficientTable kCoefficientsIntraRvlc;     // Table B-23, intra columns
extern const CoefficientTable kCoefficientsInterRvlc;     // Table B-23, inter columns

extern const Scan kZigzagScan;              // Figure 7-3 (c)
extern const Scan kAlternateVerticalScan;   // Figure 7-3 (b)
extern const std::array<std::uint8_t, 64> kDefaultInterMatrix;  // 6.3.3, load_nonintra_quant_mat, in raster order

}  // namespace videotx::mpeg4
