#!/bin/sh
# The holder of one machine: enters a cgroup, gets namespaces of its own, mounts what a node has of
# its own, prints "ready", runs the shell text on stdin (network set-up), prints "configured" and
# then only stays, to hold the namespaces.
#
#   machine.sh CGROUP NAME
set -e

if [ "${KPROXY_MACHINE_INSIDE:-}" = "" ]; then
  # First the cgroup, then the namespace: the machine's cgroup is the root that it sees.
  echo 0 >"$1/cgroup.procs"
  export KPROXY_MACHINE_INSIDE=1
  exec unshare --net --mount --cgroup --uts --propagation private -- sh "$0" "$@"
fi
unset KPROXY_MACHINE_INSIDE

echo "$2" >/proc/sys/kernel/hostname
# The machine's own mounts go, or they would stay listed as places where cgroup2 is mounted.
umount --lazy --recursive /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs -o mode=755 tmpfs /run

cd /proc/sys/net
# Duplicate address detection would hold IPv6 back for the first one or two seconds.
echo 0 >ipv6/conf/all/accept_dad
echo 0 >ipv6/conf/default/accept_dad
echo 1 >ipv6/conf/all/forwarding
echo 1 >ipv4/conf/all/forwarding
echo 0 >ipv4/conf/all/rp_filter
echo 0 >ipv4/conf/default/rp_filter
for call in bridge/bridge-nf-call-*tables; do
  [ ! -e "$call" ] || echo 0 >"$call"
done
cd /
ip link set lo up

echo ready
text=$(cat)
eval "$text"
echo configured
exec sleep infinity </dev/null >/dev/null 2>&1
