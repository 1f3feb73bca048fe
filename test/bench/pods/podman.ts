/** `podman run` with its network, in namespaces of its own for mounts and network: nothing of it stays on the machine. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeRoot } from '../runtime/root-image.ts';

/** Times in µs come two a line. A control group mount beside those of v1 is one that crun 1.8 does not know. */
const script = `set -e
directory=$1 rounds=$2
if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi
mkdir -p /var/lib/cni
mount -t tmpfs tmpfs /var/lib/cni
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
podman() { command podman --root "$directory/store" --runroot "$directory/run" --cgroup-manager cgroupfs "$@"; }
trap 'podman rm --force --all --time 0 >/dev/null 2>&1; podman system reset --force >/dev/null 2>&1 || true' EXIT
tar -C "$directory/root" -c . | podman import - localhost/bench:1 >/dev/null 2>&1
now() { date +%s%N; }
run() { podman run --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --name "$@" >/dev/null; }
count=-2
while [ $count -lt $rounds ]; do
  began=$(now)
  run "bench-stays-$count" --detach localhost/bench:1 /bin/sleep 1000000
  running=$(now)
  run "bench-ends-$count" localhost/bench:1 /bin/true
  ended=$(now)
  if [ $count -ge 0 ]; then echo $(( (running - began) / 1000 )) $(( (ended - running) / 1000 )); fi
  count=$((count + 1))
done
`;

/** Milliseconds. */
export interface PodmanTimes {
  /** Until the command has started a container that stays, as pods do on a node. */
  readonly running: readonly number[];
  /** Until the command has run /bin/true to its end. */
  readonly ended: readonly number[];
}

export function measurePodman(directory: string, rounds: number): Promise<PodmanTimes> {
  mkdirSync(join(directory, 'root'), { recursive: true });
  makeRoot(join(directory, 'root'));
  const args = ['--mount', '--net', '--propagation', 'private', 'sh', '-c', script, 'sh', directory, String(rounds)];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-2000)));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(timesOf(out));
      else reject(new Error(`podman could not be measured (${code}): ${errors}`));
    });
  });
}

function timesOf(text: string): PodmanTimes {
  const lines = text.trim().split('\n');
  const column = (at: number): number[] => lines.map((line) => Number(line.split(' ')[at]) / 1000);
  return { running: column(0), ended: column(1) };
}
