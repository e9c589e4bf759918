// Constants of the inverse transform and of the conversion to RGB.
#pragma once

namespace videotx {

// The rotations of Loeffler, Ligtenberg and Moschytz (1989) as cosines times 2^13, and what the first pass keeps of
// their fraction.
inline constexpr int kCosineBits = 13;
inline constexpr int kFirstPassBits = 2;
inline constexpr int k0298 = 2446, k0390 = 3196, k0541 = 4433, k0765 = 6270, k0899 = 7373, k1175 = 9633, k1501 = 12299,
                     k1847 = 15137, k1961 = 16069, k2053 = 16819, k2562 = 20995, k3072 = 25172;

// BT.601 times 2^16.
inline constexpr int kRedOfCr = 91881, kBlueOfCb = 116130, kGreenOfCb = 22554, kGreenOfCr = 46802;
inline constexpr int kColourHalf = 1 << 15;

}  // namespace videotx
