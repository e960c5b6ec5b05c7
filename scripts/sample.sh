#!/usr/bin/env bash
# Runs the README's first command in a temporary folder and checks that it made a picture.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
npx kernc run samples/edges/edges.kern --in image=samples/edges/photo.png --out edges="$out/edges.png"
cmp "$out/edges.png" samples/edges/expected.png
