import { release } from 'node:os';
import type { Attack, Outcome } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { runtimeNames, type RuntimeName } from './nodes.ts';

type Results = Readonly<Record<RuntimeName, ReadonlyMap<string, Outcome>>>;

const head = (versions: string, cgroups: string): string => `# Isolation of containers

What a container tries against its node, and what stops it. Each row is a test that is run on \`runtime-linux\` and on Debian's
${versions} with the same settings (through \`runtime-runc\` and \`runtime-crun\`), as root, on Linux ${release().split('.').slice(0, 2).join('.')} with ${cgroups}. Unless a row says something else the
container has the default capabilities, the filter of system calls \`RuntimeDefault\`, no new privileges, and the node's user
namespace. Whether an attack went through is seen from the node (is the file another, did the process end, is the mount there)
wherever that can be; an error's name is what the attacker got, and ENOENT says that there is no such thing in the container, or in this kernel. After each the node starts another container, and nothing of the attacker is left. What a node does before a runtime comes to it has no result of the others (–).

This page is written by \`npm run security\`; the attacks are in \`test/security\`, where a test runs them on \`runtime-linux\`.
`;

/** Why attacks are not stopped by others. */
function elsewhere(results: Results): readonly string[] {
  const lines = attacks.flatMap(({ name, elsewhere: why }) => {
    const others = runtimeNames.filter((each) => results[each].get(name)?.stopped === false);
    return others.length === 0 ? [] : [`- **${others.join(', ')}: ${name}.** ${why ?? 'Not known why.'}`];
  });
  return lines.length === 0 ? [] : [['## What goes through with other runtimes, and why', '', ...lines].join('\n')];
}

const tail = `## What is not protected against

- **The kernel is shared.** A fault of the kernel that is reached by an allowed system call reaches the node. The filter makes what can
  be reached smaller; it is no wall. Untrusted programs belong on nodes of their own, or in machines.
- **What the spec of a pod grants.** \`privileged\`, \`hostPID\`, \`hostNetwork\`, \`hostIPC\`, \`hostPath\`, added capabilities and seccomp
  \`Unconfined\` give what they say: a privileged container is root on the node.
- **Disk.** What a container writes to its own root, to an \`emptyDir\` and to a \`hostPath\` is on the node's disk. \`sizeLimit\` and limits of
  \`ephemeral-storage\` are looked at by the node's agent every ten seconds (\`evictionIntervalMs\`), as is the space of the disk: it evicts the pod, and until
  then the disk takes what is written. Logs, \`/dev\`, \`/dev/shm\`, an \`emptyDir\` in memory and the termination message that is kept are bounded at once;
  logs of \`runtime-containerd\` by looking at them.
- **Limits that nobody set.** Processes, memory and CPU of a pod are bounded where the pod, its namespace or the node says how much.
- **Side channels.** Containers share caches, the page cache of common layers, the load and the clock of the node; \`/proc/cpuinfo\`,
  \`/proc/meminfo\`, \`/proc/loadavg\` and \`/proc/stat\` are those of the node.
- **Root is root.** Without \`hostUsers: false\` user 0 of a container is user 0 of the node, held by capabilities, filter and namespaces
  only: files of volumes that it makes belong to the node's root.
- **Neighbours in a pod** share network, IPC and, where the pod says so, processes: they are one trust domain.
- **AppArmor and SELinux** are used where a profile is asked for and the kernel has it (AppArmor); there is no profile by default.

## User namespaces

With \`hostUsers: false\` a pod has a range of ids of its own: its root is an ordinary user of the node, whose capabilities hold in
the pod alone. Layers and volumes are mounted with their ids mapped (Linux 5.19 for overlay), so that nothing is copied; file systems
that cannot do that are refused by name. Whatever needs the node's rights is done before a process enters the namespace.

## Without root

As an ordinary user \`timonel up\` runs \`runtime-linux\` in a user namespace: the node's root is that user, root of no machine. What the table says of the node's
root then holds of the user: a container that gets through to it has the user's files and processes, and nothing of others. \`privileged\`, \`hostPID\`,
\`hostNetwork\` and \`hostPath\` give what the user has: \`test/e2e/rootless.test.ts\` has a pod ask for all four and read the machine's processes and \`/etc/shadow\`, write to \`/etc\`,
and make a disk's device. Limits hold only where control groups were handed down to the user: fork and memory bombs are not stopped elsewhere, but by what bounds the user.
The table itself was run as root. Where the kernel gives users no namespaces, pods are plain processes of the user (\`runtime-process\`): no isolation, no limits, and no network of their own.
\`timonel up\` and \`timonel doctor\` say so, and what is missing.
`;

/** Of a table's cell. */
const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');

function row(attack: Attack, results: Results): string {
  const told = (name: RuntimeName): string => {
    const outcome = results[name].get(attack.name);
    if (attack.ofNode === true && name !== 'timonel') return '–';
    if (outcome === undefined) return 'not run';
    return outcome.stopped ? `stopped: ${outcome.how}` : `**goes through**: ${outcome.how}`;
  };
  const cells = [attack.name, attack.what, attack.protection, ...runtimeNames.map(told)];
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** docs/reference/security.md */
export function pageOf(results: Results, versions: string, cgroups: string): string {
  const areas = [...new Set(attacks.map(({ area }) => area))];
  const tables = areas.map((area) => {
    const rows = attacks.filter((attack) => attack.area === area).map((attack) => row(attack, results));
    return [
      `## ${area}`,
      '',
      `| attack | how, and what shows it | what protects | ${runtimeNames.join(' | ')} |`,
      `| --- | --- | --- |${runtimeNames.map(() => ' --- |').join('')}`,
      ...rows,
    ].join('\n');
  });
  return `${[head(versions, cgroups), ...tables, ...elsewhere(results), tail]
    .join('\n\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}
