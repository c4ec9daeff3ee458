#define SCRFD_KERNELS kernels_for_baseline
#define SCRFD_KERNELS_NAME "baseline"
#include "kernels_body.hpp"
