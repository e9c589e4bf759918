#include "mpeg4/tables.h"

namespace videotx::mpeg4 {
namespace {

// Table B-6
constexpr Code kMcbpcIntraCodes[] = {{1, 1}, {1, 3}, {2, 3}, {3, 3}, {1, 4}, {1, 6}, {2, 6}, {3, 6}, {1, 9}};

// Table B-7, by mbtype 0 inter, 1 inter+q, 2 inter4v, 3 intra, 4 intra+q, then stuffing
constexpr Code kMcbpcInterCodes[] = {{1, 1}, {3, 4}, {2, 4}, {5, 6}, {3, 3}, {7, 7}, {6, 7},
                                     {5, 9}, {2, 3}, {5, 7}, {4, 7}, {5, 8}, {3, 5}, {4, 8},
                                     {3, 8}, {3, 7}, {4, 6}, {4, 9}, {3, 9}, {2, 9}, {1, 9}};

// Table B-8
constexpr Code kCbpyCodes[] = {{3, 4}, {5, 5}, {4, 5}, {9, 4},  {3, 5}, {7, 4}, {2, 6}, {11, 4},
                               {2, 5}, {3, 6}, {5, 4}, {10, 4}, {4, 4}, {8, 4}, {6, 4}, {3, 2}};

// Table B-12
constexpr Code kMotionVectorCodes[] = {{1, 1},   {1, 2},   {1, 3},   {1, 4},   {3, 6},   {5, 7},   {4, 7},
                                       {3, 7},   {11, 9},  {10, 9},  {9, 9},   {17, 10}, {16, 10}, {15, 10},
                                       {14, 10}, {13, 10}, {12, 10}, {11, 10}, {10, 10}, {9, 10},  {8, 10},
                                       {7, 10},  {6, 10},  {5, 10},  {4, 10},  {7, 11},  {6, 11},  {5, 11},
                                       {4, 11},  {3, 11},  {2, 11},  {3, 12},  {2, 12}};

// Tables B-13 and B-14
constexpr Code kDcSizeLumaCodes[] = {{3, 3}, {3, 2}, {2, 2}, {2, 3}, {1, 3},  {1, 4}, {1, 5},
                                     {1, 6}, {1, 7}, {1, 8}, {1, 9}, {1, 10}, {1, 11}};
constexpr Code kDcSizeChromaCodes[] = {{3, 2}, {2, 2}, {1, 2}, {1, 3},  {1, 4},  {1, 5}, {1, 6},
                                       {1, 7}, {1, 8}, {1, 9}, {1, 10}, {1, 11}, {1, 12}};

// Table B-3
constexpr Code kMbTypeBCodes[] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}};

// Table B-33
constexpr Code kSpriteLengthCodes[] = {{0, 2},     {2, 3},     {3, 3},     {4, 3},      {5, 3},
                                       {6, 3},     {0xE, 4},   {0x1E, 5},  {0x3E, 6},   {0x7E, 7},
                                       {0xFE, 8},  {0x1FE, 9}, {0x3FE, 10}, {0x7FE, 11}, {0xFFE, 12}};

// Table B-16: one line per run, levels from 1; then the same for the last coefficient of a block; then the escape code.
constexpr Code kIntraCodes[] = {
    {0x02, 2},  {0x06, 3},  {0x0F, 4},  {0x0D, 5},  {0x0C, 5},  {0x15, 6},  {0x13, 6},  {0x12, 6},  {0x17, 7},
    {0x1F, 8},  {0x1E, 8},  {0x1D, 8},  {0x25, 9},  {0x24, 9},  {0x23, 9},  {0x21, 9},  {0x21, 10}, {0x20, 10},
    {0x0F, 10}, {0x0E, 10}, {0x07, 11}, {0x06, 11}, {0x20, 11}, {0x21, 11}, {0x50, 12}, {0x51, 12}, {0x52, 12},
    {0x0E, 4},  {0x14, 6},  {0x16, 7},  {0x1C, 8},  {0x20, 9},  {0x1F, 9},  {0x0D, 10}, {0x22, 11}, {0x53, 12},
    {0x55, 12},
    {0x0B, 5},  {0x15, 7},  {0x1E, 9},  {0x0C, 10}, {0x56, 12},
    {0x11, 6},  {0x1B, 8},  {0x1D, 9},  {0x0B, 10},
    {0x10, 6},  {0x22, 9},  {0x0A, 10},
    {0x0D, 6},  {0x1C, 9},  {0x08, 10},
    {0x12, 7},  {0x1B, 9},  {0x54, 12},
    {0x14, 7},  {0x1A, 9},  {0x57, 12},
    {0x19, 8},  {0x09, 10},
    {0x18, 8},  {0x23, 11},
    {0x17, 8},  {0x19, 9},  {0x18, 9},  {0x07, 10}, {0x58, 12},  // runs 10 to 14
    {0x07, 4},  {0x0C, 6},  {0x16, 8},  {0x17, 9},  {0x06, 10}, {0x05, 11}, {0x04, 11}, {0x59, 12},
    {0x0F, 6},  {0x16, 9},  {0x05, 10},
    {0x0E, 6},  {0x04, 10},
    {0x11, 7},  {0x24, 11},
    {0x10, 7},  {0x25, 11},
    {0x13, 7},  {0x5A, 12},
    {0x15, 8},  {0x5B, 12},
    {0x14, 8},  {0x13, 8},  {0x1A, 8},  {0x15, 9},  {0x14, 9},  {0x13, 9},  {0x12, 9},  // runs 7 to 20
    {0x11, 9},  {0x26, 11}, {0x27, 11}, {0x5C, 12}, {0x5D, 12}, {0x5E, 12}, {0x5F, 12},
    {0x03, 7}};
constexpr std::uint8_t kIntraLevels[] = {27, 10, 5, 4, 3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1};
constexpr std::uint8_t kIntraLevelsLast[] = {8, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

// Table B-17, in the same order.
constexpr Code kInterCodes[] = {
    {0x02, 2},  {0x0F, 4},  {0x15, 6},  {0x17, 7},  {0x1F, 8},  {0x25, 9},
    {0x24, 9},  {0x21, 10}, {0x20, 10}, {0x07, 11}, {0x06, 11}, {0x20, 11},
    {0x06, 3},  {0x14, 6},  {0x1E, 8},  {0x0F, 10}, {0x21, 11}, {0x50, 12},
    {0x0E, 4},  {0x1D, 8},  {0x0E, 10}, {0x51, 12},
    {0x0D, 5},  {0x23, 9},  {0x0D, 10},
    {0x0C, 5},  {0x22, 9},  {0x52, 12},
    {0x0B, 5},  {0x0C, 10}, {0x53, 12},
    {0x13, 6},  {0x0B, 10}, {0x54, 12},
    {0x12, 6},  {0x0A, 10},
    {0x11, 6},  {0x09, 10},
    {0x10, 6},  {0x08, 10},
    {0x16, 7},  {0x55, 12},
    {0x15, 7},  {0x14, 7},  {0x1C, 8},  {0x1B, 8},  {0x21, 9},  {0x20, 9},  {0x1F, 9},  {0x1E, 9},  // runs 11 to 26
    {0x1D, 9},  {0x1C, 9},  {0x1B, 9},  {0x1A, 9},  {0x22, 11}, {0x23, 11}, {0x56, 12}, {0x57, 12},
    {0x07, 4},  {0x19, 9},  {0x05, 11},
    {0x0F, 6},  {0x04, 11},
    {0x0E, 6},  {0x0D, 6},  {0x0C, 6},  {0x13, 7},  {0x12, 7},  {0x11, 7},  {0x10, 7},  {0x1A, 8},  // runs 2 to 40
    {0x19, 8},  {0x18, 8},  {0x17, 8},  {0x16, 8},  {0x15, 8},  {0x14, 8},  {0x13, 8},  {0x18, 9},
    {0x17, 9},  {0x16, 9},  {0x15, 9},  {0x14, 9},  {0x13, 9},  {0x12, 9},  {0x11, 9},  {0x07, 10},
    {0x06, 10}, {0x05, 10}, {0x04, 10}, {0x24, 11}, {0x25, 11}, {0x26, 11}, {0x27, 11}, {0x58, 12},
    {0x59, 12}, {0x5A, 12}, {0x5B, 12}, {0x5C, 12}, {0x5D, 12}, {0x5E, 12}, {0x5F, 12},
    {0x03, 7}};
constexpr std::uint8_t kInterLevels[] = {12, 6, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1,
                                         1,  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
constexpr std::uint8_t kInterLevelsLast[] = {3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                             1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

}  // namespace

const Vlc<9> kMcbpcIntra(kMcbpcIntraCodes);
const Vlc<9> kMcbpcInter(kMcbpcInterCodes);
const Vlc<6> kCbpy(kCbpyCodes);
const Vlc<12> kMotionVector(kMotionVectorCodes);
const Vlc<11> kDcSizeLuma(kDcSizeLumaCodes);
const Vlc<12> kDcSizeChroma(kDcSizeChromaCodes);
const Vlc<4> kMbTypeB(kMbTypeBCodes);
const Vlc<12> kSpriteLength(kSpriteLengthCodes);
const CoefficientTable kCoefficientsIntra(12, kIntraCodes, kIntraLevels, kIntraLevelsLast);
const CoefficientTable kCoefficientsInter(12, kInterCodes, kInterLevels, kInterLevelsLast);

const Scan kZigzagScan = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
                          41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
                          30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

const Scan kAlternateVerticalScan = {0,  8,  16, 24, 1,  9,  2,  10, 17, 25, 32, 40, 48, 56, 57, 49,
                                     41, 33, 26, 18, 3,  11, 4,  12, 19, 27, 34, 42, 50, 58, 35, 43,
                                     51, 59, 20, 28, 5,  13, 6,  14, 21, 29, 36, 44, 52, 60, 37, 45,
                                     53, 61, 22, 30, 7,  15, 23, 31, 38, 46, 54, 62, 39, 47, 55, 63};

const std::array<std::uint8_t, 64> kDefaultInterMatrix = {
    16, 17, 18, 19, 20, 21, 22, 23, 17, 18, 19, 20, 21, 22, 23, 24, 18, 19, 20, 21, 22, 23,
    24, 25, 19, 20, 21, 22, 23, 24, 26, 27, 20, 21, 22, 23, 25, 26, 27, 28, 21, 22, 23, 24,
    26, 27, 28, 30, 22, 23, 24, 26, 27, 28, 30, 31, 23, 24, 25, 27, 28, 30, 31, 33};

}  // namespace videotx::mpeg4
