// Compiled with AVX2 switched on; called only where the CPU has it.
#define SCRFD_KERNELS kernels_for_avx2
#define SCRFD_KERNELS_NAME "avx2"
#include "kernels_body.hpp"
