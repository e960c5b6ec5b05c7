#!/usr/bin/env bash
# Installs what some tests need of the system, where apt-get can: Chromium, for tests in a page, ONNX's own tests
# of operators, and Mesa's lavapipe, a Vulkan device on the CPU, for tests that run WGSL; with it comes RADV, Mesa's compiler for AMD's GPUs,
# and what feeds it shaders. Prints the environment that finds lavapipe, for `eval`.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
mesa="${XDG_CACHE_HOME:-$HOME/.cache}/kern-lavapipe"
libraries="$mesa/root/usr/lib/x86_64-linux-gnu"

can_install() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null
}

if ! command -v chromium >/dev/null; then
  can_install || { echo "Chromium is missing, and I can’t install it here" >&2; exit 1; }
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends chromium >&2
fi

if [ ! -d /usr/share/libonnx-testdata ]; then
  can_install || { echo "libonnx-testdata is missing, and I can’t install it here" >&2; exit 1; }
  apt-get install -y -qq --no-install-recommends libonnx-testdata >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends libonnx-testdata >&2; }
fi

if ! command -v spirv-as >/dev/null || ! command -v cc >/dev/null || [ ! -e /usr/include/vulkan/vulkan.h ]; then
  can_install || { echo "spirv-tools, libvulkan-dev or a C compiler is missing, and I can’t install it here" >&2; exit 1; }
  apt-get install -y -qq --no-install-recommends spirv-tools libvulkan-dev gcc libc6-dev >&2 ||
    { apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends spirv-tools libvulkan-dev gcc libc6-dev >&2; }
fi

# Debian 12's own lavapipe is too old for Dawn, so a newer one is unpacked beside the system, which stays as it is.
if [ ! -e "$libraries/libvulkan_lvp.so" ]; then
  can_install || { echo "lavapipe is missing, and I can’t install it here" >&2; exit 1; }
  mkdir -p "$mesa/lists" "$mesa/cache" "$mesa/debs"
  mirror=$(sed -n 's/^URIs: //p; s/^deb \(http[^ ]*\) .*/\1/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
  printf 'Types: deb\nURIs: %s\nSuites: bookworm bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$mirror" >"$mesa/mesa.sources"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$mesa/mesa.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$mesa/lists" -o "Dir::Cache=$mesa/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  apt-get install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers >&2
  (cd "$mesa/debs" && "${apt[@]}" -t bookworm-backports download mesa-vulkan-drivers mesa-libgallium libgbm1 libdrm2 libdrm-common libdrm-amdgpu1 libdrm-radeon1 libdrm-nouveau2 libdrm-intel1 >&2)
  for package in "$mesa"/debs/*.deb; do dpkg -x "$package" "$mesa/root"; done
fi
printf '{"file_format_version": "1.0.0", "ICD": {"api_version": "1.4.305", "library_path": "%s/libvulkan_lvp.so"}}\n' "$libraries" >"$mesa/icd.json"
echo "export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} VK_ICD_FILENAMES=$mesa/icd.json"
