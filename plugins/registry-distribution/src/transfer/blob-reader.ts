/** Blobs, read to their end over as many connections as it takes. */
import { createHash, type Hash } from 'node:crypto';
import type { Descriptor } from '@timonel/sdk/contracts/registry';
import type { Call, Caller, Target } from '../caller.ts';
import { RegistryFailure, shown, untrusted } from '../failure.ts';
import { announcedLength, header, refuseEncoding, type Answer } from '../http/answer.ts';
import type { ManifestParts } from './manifests.ts';
import { movingPieces } from './pieces.ts';

/** A try that brought so much is no fruitless one. With it a transfer has at most as many tries as it has such parts, and some. */
const fruitBytes = 1024 * 1024;

/** How far a transfer is. It goes on at another endpoint where it was at the first. */
export class BlobProgress {
  readonly blob: Descriptor;
  offset: number;
  readonly #hash: Hash | undefined;

  /** Without the beginning the digest cannot be checked. */
  constructor(blob: Descriptor, offset: number) {
    this.blob = blob;
    this.offset = offset;
    this.#hash = offset === 0 ? createHash('sha256') : undefined;
  }

  get complete(): boolean {
    return this.offset >= this.blob.size;
  }

  /** @throws RegistryFailure untrusted, when it would be more than the descriptor says */
  take(piece: Buffer, host: string): void {
    const { size, digest } = this.blob;
    if (this.offset + piece.length > size) throw untrusted(`${host} sent more than the ${size} bytes of ${digest}`);
    this.offset += piece.length;
    this.#hash?.update(piece);
  }

  /** @throws RegistryFailure untrusted */
  check(): void {
    if (this.#hash === undefined) return;
    const got = `sha256:${this.#hash.digest('hex')}`;
    if (got === this.blob.digest) return;
    throw untrusted(
      `the bytes are those of ${got}, not of ${this.blob.digest}`,
      'the registry or a proxy before it is broken, or worse: push the image again, or use another registry',
    );
  }
}

/** Yields the rest of the blob. @throws RegistryFailure, or the reason of the signal */
export async function* readBlob(
  parts: ManifestParts,
  target: Target,
  progress: BlobProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { caller, config, retries } = parts;
  let fruitless = 0;
  while (!progress.complete) {
    const from = progress.offset;
    try {
      yield* oneTransfer(caller, parts, target, progress);
      return;
    } catch (error) {
      fruitless = progress.offset - from >= fruitBytes ? 1 : fruitless + 1;
      await retries.pause(error, fruitless, config.tries, target.signal);
    }
  }
}

async function* oneTransfer(
  caller: Caller,
  { env, config }: ManifestParts,
  target: Target,
  progress: BlobProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest, size } = progress.blob;
  const range = progress.offset === 0 ? {} : { range: `bytes=${progress.offset}-${size - 1}` };
  const call: Call = {
    method: 'GET',
    to: `blobs/${digest}`,
    headers: { accept: '*/*', ...range },
    expected: [200, 206],
    tries: 1,
  };
  const answer = await caller.call(target, call);
  let skip = beginning(answer, progress);
  const { host } = answer.url;
  for await (const piece of movingPieces(answer.message, { env, config, host, signal: target.signal })) {
    const wanted = piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - wanted.length;
    if (wanted.length === 0) continue;
    progress.take(wanted, host);
    yield wanted;
  }
  if (progress.complete) return;
  const broken = `the transfer from ${host} ended after ${progress.offset} of ${size} bytes`;
  throw new RegistryFailure('unreachable', broken);
}

/** How many bytes of the answer to pass over. @throws RegistryFailure untrusted, when the answer is not of these bytes */
function beginning(answer: Answer, { offset, blob: { size, digest } }: BlobProgress): number {
  const { url, status, message } = answer;
  const refuse = (what: string): never => {
    message.destroy();
    throw untrusted(`${url.host} ${what}`);
  };
  refuseEncoding(answer);
  const first = status === 206 ? offset : 0;
  if (status === 206) {
    const range = header(answer, 'content-range');
    const fits = new RegExp(`^bytes ${offset}-[0-9]{1,15}/(?:${size}|\\*)$`).test(range);
    if (!fits)
      refuse(
        `sent ${shown(range) || 'an unknown part'} of ${digest} where it was asked for what follows byte ${offset} of ${size}`,
      );
  }
  const announced = announcedLength(answer);
  const other = announced !== undefined && (status === 206 ? announced > size - first : announced !== size);
  if (other) refuse(`announces ${announced + first} bytes for ${digest}, which has ${size}`);
  return offset - first;
}
