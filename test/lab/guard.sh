#!/bin/sh
# The guard of a laboratory: makes its cgroup, and takes everything down when its owner lets go.
#
#   guard.sh watch CGROUP2 LABEL   removes abandoned laboratories, makes one, prints its cgroup, and
#                                  removes it when stdin ends (the owner closed it, exited or was
#                                  killed) or on SIGTERM. The line "keep" on stdin lets it outlive
#                                  the owner, until SIGTERM.
#   guard.sh stop CGROUP2 LABEL    ends the kept laboratories with that label.
#
# A laboratory is known by its cgroup alone: kproxy-lab-LABEL-PIDNS-PID-START, with the guard's pid
# namespace, pid and start time, so that a pid that was used again is not taken for its guard, and
# a pid of another container not for a dead one. Its namespaces have no names outside its own
# processes: once those are gone, so are namespaces, links, mounts and pinned objects.
set -u

start_time() { # of pid $1; empty if there is no such process, or only its exit status
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  set -- ${stat##*) }
  case $1 in Z | X) return 0 ;; esac
  shift 19 && echo "$1"
}

# Ends every process of laboratory $1, whatever it forked, and removes its cgroups depth first.
remove() {
  tries=0
  while [ -d "$1" ] && [ $tries -lt 500 ]; do
    echo 1 2>/dev/null >"$1/cgroup.kill"
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null && return 0
    tries=$((tries + 1))
    sleep 0.01
  done
  [ ! -d "$1" ] || echo "laboratory $1 could not be removed" >&2
}

sweep() { # abandoned laboratories under $1
  for lab in "$1"/kproxy-lab-*; do
    [ -d "$lab" ] || continue
    owner=${lab##*/kproxy-lab-}
    owner=${owner#*-}
    space=${owner%%-*} && owner=${owner#*-}
    [ "$space" = "$pid_namespace" ] || continue
    [ "$(start_time "${owner%-*}")" = "${owner#*-}" ] || remove "$lab"
  done
}

stop() { # the laboratories under $1 with label $2
  for lab in "$1/kproxy-lab-$2-$pid_namespace"-*; do
    [ -d "$lab" ] || continue
    owner=${lab##*"-$pid_namespace-"}
    if [ "$(start_time "${owner%-*}")" = "${owner#*-}" ]; then
      kill "${owner%-*}"
      while [ -d "$lab" ]; do sleep 0.02; done
    else
      remove "$lab"
    fi
    echo "ended ${lab##*/}"
  done
}

watch() {
  sweep "$1"
  lab=$1/kproxy-lab-$2-$pid_namespace-$$-$(start_time $$)
  mkdir "$lab" || exit 1
  sleeper=
  trap 'remove "$lab"; [ -z "$sleeper" ] || kill $sleeper; exit 0' TERM HUP INT
  echo "$lab"
  while read -r line; do
    if [ "$line" = keep ]; then
      sleep infinity </dev/null >/dev/null 2>&1 &
      sleeper=$!
      echo kept
      exec </dev/null >/dev/null 2>&1
      wait $sleeper
    fi
  done
  remove "$lab"
}

pid_namespace=$(readlink /proc/self/ns/pid)
pid_namespace=${pid_namespace#*[}
pid_namespace=${pid_namespace%]}

command=$1
shift
case $command in
watch | stop) "$command" "$@" ;;
*) echo "guard.sh: \"$command\" is not watch or stop" >&2 && exit 2 ;;
esac
