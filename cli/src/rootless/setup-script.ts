/** What the namespaces of a rootless node are filled with, by sh(1) inside of them. */

/**
 * Runs before the ids are mapped: tells its pid outside, and waits. Rights come with the first execution after that.
 * $1: the script that follows, $2…: its arguments.
 */
export const awaitIds = `
read -r pid rest < /proc/self/stat
echo "$pid"
read -r go || exit 1
exec sh -c "$@"
`;

/**
 * $1: a directory for the node's own /run, $2: a resolv.conf or nothing, $3: 1 where control groups were handed down.
 * What passes a bridge is not to be translated there, but where it is routed, as rules have it that pods see. The process that stays ignores the ends of those that are handed over to it: the kernel then reaps them. Its own /proc shows the processes of this node alone. In its own /run it can make files, beside what the machine has there.
 */
export const setUp = `
set -e
mount -n -t proc -o nosuid,nodev,noexec proc /proc
ip link set lo up
for each in iptables ip6tables; do echo 0 > /proc/sys/net/bridge/bridge-nf-call-$each || :; done 2>/dev/null
mkdir -p "$1"
mount -n -t tmpfs -o mode=755,nosuid,nodev tmpfs "$1"
for each in /run/* /run/.[!.]*; do
  own="$1/\${each#/run/}"
  if [ -L "$each" ]; then cp -P "$each" "$own"
  elif [ -d "$each" ]; then mkdir "$own" && mount -n --rbind "$each" "$own" || rmdir "$own"
  elif [ -e "$each" ]; then : > "$own" && mount -n --bind "$each" "$own" || rm "$own"
  fi
done 2>/dev/null
mount -n --move "$1" /run
rmdir "$1" 2>/dev/null || :
[ -z "$2" ] || mount -n --bind "$2" /etc/resolv.conf
if [ "$3" = 1 ]; then
  # the kernel mounts no file system twice in one place
  mount -n -t tmpfs -o size=0k none /sys/fs/cgroup
  mount -n -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
  mkdir /sys/fs/cgroup/node
  echo 0 > /sys/fs/cgroup/node/cgroup.procs
fi
echo ready
exec env --ignore-signal=CHLD sleep infinity < /dev/null > /dev/null 2>&1
`;
