/** Ports that a node or a server wants, and another program has. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Finding } from './finding.ts';
import type { NetworkView } from './network-view.ts';

interface Wanted {
  readonly port: number;
  readonly what: string;
  readonly fix: string;
}

const wanted: readonly Wanted[] = [
  { port: 6443, what: 'the API', fix: 'give another: --listen 127.0.0.1:7443' },
  { port: 2380, what: 'the store of a server', fix: 'give another: --peer-listen ADDRESS:7380' },
  {
    port: 10_250,
    what: 'the server of an agent',
    fix: 'give another in the configuration: plugins.node-server.config.listen.port, and node-agent.config.serverPort',
  },
];

const listening = '0A';

/** Inodes of the sockets that listen at the port. Source: proc_net_tcp.txt of the kernel. */
function listenersAt(port: number, tables: string): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return tables.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const isIt = fields[1]?.endsWith(`:${hex}`) === true && fields[3] === listening;
    return isIt && fields[9] !== undefined ? [fields[9]] : [];
  });
}

/** Of the process that has one of these sockets open, as far as this user may see. */
async function commandOf(
  inodes: readonly string[],
): Promise<{ readonly pid: string; readonly words: string } | undefined> {
  const names = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    if (!links.some((link) => names.has(link))) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').join(' ').trim();
    return { pid, words };
  }
  return undefined;
}

/** Our own processes have theirs by right. */
function isOurs(words: string): boolean {
  return /\b(timonel|cli\/dist\/bin\.js)\b/.test(words);
}

const shownLength = 60;

export async function portClashes(view: NetworkView): Promise<readonly Finding[]> {
  const tables = (await Promise.all(['tcp', 'tcp6'].map((name) => view.proc(name)))).join('\n');
  const found: Finding[] = [];
  for (const { port, what, fix } of wanted) {
    const inodes = listenersAt(port, tables);
    if (inodes.length === 0) continue;
    const holder = await commandOf(inodes);
    if (holder !== undefined && isOurs(holder.words)) continue;
    const who =
      holder === undefined ? 'another process' : `process ${holder.pid} (${holder.words.slice(0, shownLength)})`;
    found.push({ name: `port ${port}`, ok: false, detail: `${who} listens where ${what} would`, fix });
  }
  if (found.length > 0) return found;
  return [{ name: 'ports', ok: true, detail: `free: ${wanted.map(({ port }) => port).join(', ')}`, fix: '' }];
}
