#!/usr/bin/env bash
# Does an arm64 Python with the engines' arm64 wheels find the same faces as this machine? Run under qemu-aarch64.
#
#     bash benchmarks/arm64.sh WORK [PICTURE...]
#
# On Debian 12 for amd64, with scrfd-edge[convert] installed (pip install -e ".[convert]") and
#     apt-get install qemu-user g++-aarch64-linux-gnu
# WORK takes about 400 MB: an arm64 root folder with Python, and the wheels; what is there already is not downloaded
# again. Without pictures the sample portrait is taken. The versions of the engines are the last ones that this qemu
# (7.2) runs; later ones crash in it.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
work=$(cd "$1" && pwd)
shift
[ $# -ge 1 ] || set -- "$repository/scrfd_edge/weights/astronaut.jpg"

root=$work/root site=$work/site
if [ ! -e "$work/complete" ]; then
    mkdir -p "$work/lists/partial" "$work/debs" "$work/wheels" "$root" "$site"
    options=(-oAPT::Architecture=arm64 -oAPT::Architectures=arm64 "-oDir::State::Lists=$work/lists")
    apt-get -q "${options[@]}" update
    (cd "$work/debs" && apt-get -q "${options[@]}" download python3.11-minimal libpython3.11-minimal \
        libpython3.11-stdlib libpython3.11-dev libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 \
        liblzma5 libssl3)
    for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
    python3 -m pip download -q --no-deps -d "$work/wheels" --python-version 3.11 --only-binary=:all: \
        --platform manylinux2014_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 \
        numpy pillow opencv-python-headless platformdirs pybind11 onnxruntime==1.23.2 ai-edge-litert==2.1.0
    for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$site"; done
    touch "$work/complete"
fi

rm -rf "$site/scrfd_edge"
cp -r "$repository/scrfd_edge" "$site"
rm -f "$site"/scrfd_edge/_core*.so
mapfile -t sources < <(find "$repository/cpp_ext/src" -name '*.cpp' ! -name '*avx2*')
aarch64-linux-gnu-g++ -O2 -std=c++17 -shared -fPIC -fvisibility=hidden -ffp-contract=off -isystem "$site/pybind11/include" \
    -isystem "$root/usr/include/python3.11" -isystem "$root/usr/include" \
    -I "$repository/cpp_ext/include" -I "$repository/cpp_ext/src" \
    "${sources[@]}" "$repository/cpp_ext/python/module.cpp" -o "$site/scrfd_edge/_core.so"

onnx=$repository/scrfd_edge/weights/scrfd_500m_kps.onnx tflite=$work/scrfd_500m_kps.tflite
scrfd-edge convert "$onnx" --to tflite --force -o "$tflite"
for file in "$onnx" "$tflite"; do
    here=$work/here.json there=$work/there.json
    python3 "$repository/benchmarks/arm64.py" find "$file" "$here" "$@"
    PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1 qemu-aarch64 -cpu max -L "$root" "$root/usr/bin/python3.11" \
        "$repository/benchmarks/arm64.py" find "$file" "$there" "$@"
    python3 "$repository/benchmarks/arm64.py" compare "$here" "$there"
done
