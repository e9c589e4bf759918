// Loops compiled twice: with the vector instructions of newer x86 processors, chosen when the module is loaded, and
// without. Sanitizers cannot follow the choice.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define VIDEOTX_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VIDEOTX_CLONES
#endif

// What must be part of such a loop.
#define VIDEOTX_INLINE inline __attribute__((always_inline))

// Functions written for processors with AVX2, which are asked for before they are called; and what is part of them.
#if defined(__x86_64__) && defined(__GNUC__)
#define VIDEOTX_AVX2 __attribute__((target("avx2")))
#define VIDEOTX_INLINE_AVX2 VIDEOTX_AVX2 inline __attribute__((always_inline))
#endif

// Put before a loop none of whose passes writes what another one reads.
#if defined(__clang__)
#define VIDEOTX_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VIDEOTX_INDEPENDENT _Pragma("GCC ivdep")
#else
#define VIDEOTX_INDEPENDENT
#endif
