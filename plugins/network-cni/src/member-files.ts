/** What pods have of networks, one file a sandbox: written before the plugins are called, so that nothing is forgotten in a crash. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseNetworkList, type NetworkList } from './network-list.ts';

/** One sandbox. */
export interface Member {
  readonly sandboxId: string;
  readonly networkNamespace: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly list: NetworkList;
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** What the plugins answered; absent: they have not all done so. */
  readonly result?: unknown;
}

const schema = z.strictObject({
  version: z.literal(1),
  sandboxId: z.string(),
  networkNamespace: z.string(),
  variables: z.record(z.string(), z.string()),
  list: z.unknown().transform((list) => parseNetworkList(JSON.stringify(list))),
  capabilities: z.record(z.string(), z.unknown()),
  result: z.unknown().optional(),
});

export class MemberFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws Error that names the file which is damaged */
  async load(): Promise<readonly Member[]> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const found: Member[] = [];
    for (const file of await readdir(this.#directory)) {
      const path = join(this.#directory, file);
      // Of a write that did not come to its end: the file beside it counts.
      if (file.endsWith('.new')) await rm(path);
      else found.push(await read(path));
    }
    return found;
  }

  /** On the disk of this process, not of the machine: after it has started anew there is no namespace any more. */
  async save(member: Member): Promise<void> {
    const path = this.#path(member.sandboxId);
    await writeFile(`${path}.new`, JSON.stringify({ version: 1, ...member }), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async remove(sandboxId: string): Promise<void> {
    await rm(this.#path(sandboxId), { force: true });
  }

  #path(sandboxId: string): string {
    return join(this.#directory, createHash('sha256').update(sandboxId).digest('hex').slice(0, 32));
  }
}

async function read(path: string): Promise<Member> {
  try {
    const { version: _version, result, ...member } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    return { ...member, ...(result === undefined ? {} : { result }) };
  } catch (cause) {
    throw new Error(
      `the file of a pod's network ${path} is damaged; nothing was changed. Stop all pods of this node and remove the file`,
      { cause },
    );
  }
}
