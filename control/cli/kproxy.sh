#!/bin/sh
# Starts kproxy on the Node.js that it was built with, or on the one in PATH of an installed copy.
# Called kube-proxy, it takes kube-proxy's command line.
case ${0##*/} in kube-proxy) set -- run "$@" ;; esac
here=$(dirname "$(readlink -f "$0")")
arch=$(uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')
node=${KPROXY_NODE:-$here/../../node_modules/node-linux-$arch/bin/node}
[ -x "$node" ] || node=node
# A node pays for memory that stays resident. At 10,000 Services of 10 endpoints:
# - a small young generation: an agent's garbage is short-lived;
# - room to grow for the start, whose collections find little: three times as much between one and the next.
#   Then the agent takes that back (control/node/memory.ts). --initial-heap-size would hold for good: the
#   garbage of a busy agent grew to 90 MB;
# - --expose-gc lets the agent give back what the start took;
# - one malloc arena, and big buffers returned when they are freed: 15 MB less in pieces.
export MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
exec "$node" --max-semi-space-size=2 --max-old-space-size=256 --heap-growing-percent=300 \
  --expose-gc --no-warnings "$here/../lib/main.mjs" "$@"
