import { readFileSync, readdirSync } from 'node:fs';
import { until } from '../../../sdk/testkit/src/until.ts';
import { judge, stopped, through, type Attack } from '../attack.ts';
import { within } from '../deadline.ts';

const area = 'Floods';
const mebibyte = 1024 ** 2;

function logFlood(name: string, words: readonly string[]): Attack {
  return {
    name,
    area,
    what: '24 MiB of output, where the log may have 4 MiB: how large are its files together?',
    protection: 'the monitor rotates the log while it writes; a line is cut into parts of 16 KiB',
    async run(bed) {
      const { status } = await bed.run(['attacker', ...words]);
      const bytes = bed.logBytes(status);
      const text = `${(bytes / mebibyte).toFixed(1)} MiB of log`;
      return bytes > 8 * mebibyte ? through(text) : stopped(text);
    },
  };
}

export const resourceAttacks: readonly Attack[] = [
  {
    name: 'fork bomb',
    area,
    what: '10,000 children that stay, with a limit of 64: how many are there?',
    protection: 'pids control group',
    async run(bed) {
      const { output } = await bed.run(['attacker', 'forks', '10000'], { resources: { pidsLimit: 64 } });
      return judge(output);
    },
  },
  {
    name: 'memory bomb',
    area,
    what: '512 MiB, each page touched, with a limit of 32 MiB: is it ended as OOMKilled, and nothing else?',
    protection: 'memory control group',
    async run(bed) {
      const { status, output } = await bed.run(['attacker', 'eat', '512'], {
        resources: { memoryLimitBytes: 32 * mebibyte },
      });
      if (!bed.host.isVictimAlive()) return through('a process of the node was ended');
      return status.reason === 'OOMKilled' ? stopped('OOMKilled') : through(`${status.reason} ${output}`);
    },
  },
  {
    name: 'fill the memory of the node through /dev and /dev/shm',
    area,
    what: '200 MiB each',
    protection: 'size of the tmpfs; memory control group',
    async run(bed) {
      return judge(
        await bed.attempt([
          ['fill', '/dev/f', '200'],
          ['fill', '/dev/shm/f', '200'],
        ]),
      );
    },
  },
  logFlood('flood the log', ['log', '24']),
  logFlood('flood the log with one line', ['line', '24']),
  {
    name: '10,000 zombie children',
    area,
    what: 'children that end and are not waited for, then the container is stopped: are all gone?',
    protection: 'pids control group where a limit is set; the end of the pid namespace reaps',
    async run(bed) {
      const id = await bed.start(['attacker', 'zombies', '10000']);
      await bed.printed(id, 'zombies');
      const pid = (await bed.runtime.containerStatus(id))?.pid;
      const group = (of: number | string | undefined): string => readFileSync(`/proc/${of}/cgroup`, 'utf8');
      const own = group(pid);
      await bed.runtime.stopContainer(id, 0);
      const left = (): number =>
        readdirSync('/proc').filter((name) => {
          try {
            return /^\d+$/.test(name) && group(name) === own;
          } catch {
            return false; // it ended while we read
          }
        }).length;
      await until(() => left() === 0, { what: `the children of ${pid} to be gone`, intervalMs: 100 });
      return stopped(await bed.textOf(id).then((text) => `all gone: ${text}`));
    },
  },
  {
    name: 'ignore every signal',
    area,
    what: 'a first process and its children ignore all 64 signals: does a stop end them?',
    protection: 'SIGKILL to the first process, and with it to its pid namespace',
    async run(bed) {
      const id = await bed.start(['sh', '-c', 'attacker deaf & exec attacker deaf']);
      await bed.printed(id, 'deaf');
      const result = await within(bed.runtime.stopContainer(id, 100).then(() => 'ended'));
      const status = await bed.runtime.containerStatus(id);
      return result === 'ended' && status?.exitCode === 137
        ? stopped('ended with 137')
        : through(`${result}, ${status?.state}`);
    },
  },
  {
    name: 'signal storm from inside',
    area,
    what: 'every signal to all processes and to pid 1, 50,000 times: does the monitor go on, and is the container stopped?',
    protection: 'pid namespace; pid 1 gets no signal that it has no handler for',
    async run(bed) {
      const id = await bed.start(['attacker', 'storm', '50000']);
      await bed.printed(id, 'storm is over');
      await bed.runtime.stopContainer(id, 0);
      const status = await bed.runtime.containerStatus(id);
      return bed.host.isVictimAlive() && status?.exitCode === 137
        ? stopped('the monitor told of its end')
        : through(String(status?.state));
    },
  },
  {
    name: 'signal storm from a neighbour with shared processes',
    area,
    what: 'the same in a pod with shareProcessNamespace, and SIGKILL to its pid 1: does the neighbour’s monitor tell of its end, and the pod go?',
    protection: 'pid 1 of a pid namespace cannot be killed from within',
    async run(bed) {
      const sandbox = await bed.sandbox({ shareProcessNamespace: true });
      const neighbour = await bed.start(['sleep', '100'], {}, sandbox);
      const id = await bed.start(['attacker', 'storm', '1000'], {}, sandbox);
      await until(async () => (await bed.runtime.containerStatus(neighbour))?.state === 'exited', {
        what: 'the neighbour to end',
      });
      await bed.runtime.stopContainer(id, 0);
      const pod = (await bed.runtime.listSandboxes()).find((each) => each.id === sandbox);
      return pod?.state === 'ready'
        ? stopped('the pod goes on, its containers ended')
        : through('the pod is not ready');
    },
  },
];
