/** What a machine's network is made of, to compare: a cluster that is gone has left all as it was. */
import type { Machine } from './machine.ts';

/** What the kernel counts or draws at random. */
const notCompared =
  /nf_conntrack_count|stable_secret|ip_local_reserved|nf_conntrack_buckets|neigh\.default\.gc_|route\.flush|tcp_fastopen_key|tcp_available|nf_log/;

/** Links, addresses, routes, rules, tables, namespaces and settings, one line each. */
export async function networkState(machine: Machine): Promise<string[]> {
  const ask = async (kind: string, program: string, ...args: readonly string[]): Promise<string[]> => {
    const { stdout } = await machine.exec(program, args);
    return stdout
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => `${kind}: ${line.trim()}`);
  };
  const settings = `find /proc/sys/net -type f -readable | sort | xargs grep -Hs '' | sed 's,^/proc/sys/,,'`;
  const all = await Promise.all([
    ask('link', 'ip', '-o', 'link'),
    ask('address', 'ip', '-o', 'address'),
    ask('route', 'ip', '-4', 'route', 'show', 'table', 'all'),
    ask('route', 'ip', '-6', 'route', 'show', 'table', 'all'),
    ask('rule', 'ip', 'rule'),
    ask('rule', 'ip', '-6', 'rule'),
    ask('table', 'nft', 'list', 'ruleset'),
    ask('namespace', 'ip', 'netns'),
    ask('setting', 'sh', '-c', settings),
  ]);
  return all.flat().filter((line) => !notCompared.test(line));
}
