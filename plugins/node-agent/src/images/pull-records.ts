/**
 * Which pods may use the images that lie here: one that was pulled with credentials is for those who have them too, whatever the pull
 * policy. Kept in a file, so that it holds for the next agent.
 */
import { errorMessage, type Logger } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import { z } from 'zod';

export type VerificationPolicy = 'NeverVerify' | 'NeverVerifyPreloadedImages' | 'AlwaysVerify';

export interface PullRecordsOptions {
  readonly file: string;
  readonly policy: VerificationPolicy;
  readonly log: Logger;
  /** Ids of the images that are on the node. */
  present(): Promise<readonly string[]>;
}

const schema = z.object({
  version: z.literal(1),
  /** By image id: everybody may use it, or who has one of these. */
  images: z.record(z.string(), z.union([z.literal('everybody'), z.array(z.string())])),
  /** References that were being pulled with credentials. */
  pulling: z.array(z.string()),
});

/** Secrets that one image is known by; the oldest go. */
const marksLimit = 100;
/** From then on images that are gone are forgotten. */
const tidyAbove = 200;

export class PullRecords {
  readonly #options: PullRecordsOptions;
  readonly #images = new Map<string, 'everybody' | readonly string[]>();
  readonly #pulling = new Set<string>();
  #written: Promise<void> = Promise.resolve();

  constructor(options: PullRecordsOptions) {
    this.#options = options;
  }

  static async open(options: PullRecordsOptions): Promise<PullRecords> {
    const records = new PullRecords(options);
    try {
      const text = await readFileIfThere(options.file);
      if (text === undefined) return records;
      const { images, pulling } = schema.parse(JSON.parse(text));
      for (const [id, access] of Object.entries(images)) records.#images.set(id, access);
      for (const reference of pulling) records.#pulling.add(reference);
    } catch (error) {
      const fields = { file: options.file, error: errorMessage(error) };
      options.log.warn(fields, 'the records of pulls are damaged: images that are here count as brought by hand');
    }
    return records;
  }

  /** False: who uses it must have one of the credentials it was pulled with. */
  isOpen(imageId: string, reference: string): boolean {
    const { policy } = this.#options;
    if (policy === 'NeverVerify') return true;
    const access = this.#images.get(imageId);
    if (access !== undefined) return access === 'everybody';
    return policy === 'NeverVerifyPreloadedImages' && !this.#pulling.has(reference);
  }

  knows(imageId: string, marks: readonly string[]): boolean {
    const access = this.#images.get(imageId);
    return access === 'everybody' || (access?.some((mark) => marks.includes(mark)) ?? false);
  }

  /** Before a pull with credentials: should the agent end during it, the image is not for everybody. */
  async begin(reference: string): Promise<void> {
    this.#pulling.add(reference);
    await this.#write();
  }

  /** `marks`: of the credentials that were shown; none: everybody gets it. */
  async done(imageId: string, reference: string, marks: readonly string[]): Promise<void> {
    const before = this.#images.get(imageId);
    const wasPulling = this.#pulling.delete(reference);
    const known = before === undefined || before === 'everybody' ? [] : before;
    const all = [...new Set([...known, ...marks])].slice(-marksLimit);
    const after = before === 'everybody' || marks.length === 0 ? 'everybody' : all;
    const same = before === after || (Array.isArray(after) && after.length === known.length && known.length > 0);
    if (same && !wasPulling) return;
    this.#images.set(imageId, after);
    await this.#tidy();
    await this.#write();
  }

  async #tidy(): Promise<void> {
    if (this.#images.size <= tidyAbove) return;
    const present = new Set(await this.#options.present());
    for (const id of this.#images.keys()) if (!present.has(id)) this.#images.delete(id);
  }

  /** One after the other. */
  #write(): Promise<void> {
    const { file } = this.#options;
    const next = this.#written
      .catch(() => undefined)
      .then(() => {
        const content = { version: 1, images: Object.fromEntries(this.#images), pulling: [...this.#pulling] };
        return writeFileAtomically(file, `${JSON.stringify(content)}\n`, 0o600);
      });
    this.#written = next;
    return next;
  }
}
