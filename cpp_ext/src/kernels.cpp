#include "kernels.hpp"

#if defined(_MSC_VER) && defined(SCRFD_HAS_AVX2)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace scrfd {

extern const Kernels kernels_for_baseline;
#ifdef SCRFD_HAS_AVX2
extern const Kernels kernels_for_avx2;

static bool cpu_has_avx2() {
#ifdef _MSC_VER
    int leaf[4];
    __cpuid(leaf, 1);
    const bool os_saves_ymm = (leaf[2] & (1 << 27)) != 0 && (_xgetbv(0) & 6) == 6;
    __cpuid(leaf, 0);
    if (!os_saves_ymm || leaf[0] < 7) {
        return false;
    }
    __cpuidex(leaf, 7, 0);
    return (leaf[1] & (1 << 5)) != 0;
#else
    return __builtin_cpu_supports("avx2") != 0;
#endif
}
#endif

const Kernels& baseline_kernels() { return kernels_for_baseline; }

const Kernels& kernels() {
#ifdef SCRFD_HAS_AVX2
    static const bool avx2 = cpu_has_avx2();
    if (avx2) {
        return kernels_for_avx2;
    }
#endif
    return kernels_for_baseline;
}

}  // namespace scrfd
