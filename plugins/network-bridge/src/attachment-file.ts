import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { HostPort } from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';

/** One pod's place in the network, as it is remembered. */
export interface AttachmentRecord {
  readonly sandboxId: string;
  readonly address: string;
  readonly veth: string;
  readonly networkNamespace: string;
  /** `namespace/name` of the pod, for people. */
  readonly pod: string;
  readonly hostPorts?: readonly HostPort[];
}

const hostPort = z.strictObject({
  protocol: z.enum(['TCP', 'UDP', 'SCTP']),
  hostIP: z.string(),
  hostPort: z.int(),
  containerPort: z.int(),
});

const schema: z.ZodType<{ readonly version: 1; readonly attachments: readonly AttachmentRecord[] }> = z.strictObject({
  version: z.literal(1),
  attachments: z.array(
    z.strictObject({
      sandboxId: z.string(),
      address: z.union([z.ipv4(), z.ipv6()]),
      veth: z.string().regex(/^tv[0-9a-f]{8}$/),
      networkNamespace: z.string(),
      pod: z.string(),
      hostPorts: z.array(hostPort).exactOptional(),
    }),
  ),
});

/** The file of attachments. Replaced as a whole; saves that come while one runs are joined to one. */
export class AttachmentFile {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();
  #pending: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<readonly AttachmentRecord[]> {
    const text = await readFileIfThere(this.#path);
    if (text === undefined) return [];
    try {
      return schema.parse(JSON.parse(text)).attachments;
    } catch (cause) {
      throw new Error(
        `the file of pod addresses ${this.#path} is damaged; nothing was changed. Stop all pods of this node and remove the file`,
        { cause },
      );
    }
  }

  /** Resolves when what `records` gives by then is on the disk. */
  save(records: () => Iterable<AttachmentRecord>): Promise<void> {
    if (this.#pending === undefined) {
      const next = this.#last.then(() => {
        this.#pending = undefined;
        return this.#write([...records()]);
      });
      this.#pending = next;
      this.#last = next.catch(() => undefined);
    }
    return this.#pending;
  }

  // Renamed, but not synced: it has to survive this process, not the machine, whose links are gone after a reboot too.
  async #write(attachments: readonly AttachmentRecord[]): Promise<void> {
    const beside = `${this.#path}.new`;
    await writeFile(beside, JSON.stringify({ version: 1, attachments }), { mode: 0o600 });
    await rename(beside, this.#path);
  }
}
