#!/usr/bin/env bash
# Does tflite-runtime, the fallback for old boards with numpy 1, find the faces that the other engines find? Its last
# release (2.14, for Python up to 3.11) does not work with numpy 2, hence an environment of its own.
#
#     bash benchmarks/tflite_runtime.sh WORK
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
[ $# -eq 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
python3 -m venv "$1"
"$1/bin/pip" install -q "numpy<2" "tflite-runtime==2.14.0" pytest "$repository"
"$1/bin/pip" list | grep -E "^(numpy|tflite|ai-edge|scrfd)"
# The installed package, not the checkout beside the tests.
cd "$1" && bin/python -m pytest -q -p no:cacheprovider --override-ini pythonpath= "$repository/tests/backends/test_shipped.py"
