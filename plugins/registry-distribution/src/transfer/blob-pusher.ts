/** Blobs, sent: not when they are there, from another repository where the registry can, else whole or in chunks. */
import type { Descriptor } from '@timonel/sdk/contracts/registry';
import type { Call, Target } from '../caller.ts';
import { isFailure, RegistryFailure } from '../failure.ts';
import { checkedTarget } from '../hosts/target.ts';
import { discard, header, type Answer } from '../http/answer.ts';
import { Chunks } from './chunks.ts';
import type { ManifestParts } from './manifests.ts';

export type Content = () => AsyncIterable<Uint8Array>;

const octets = { 'content-type': 'application/octet-stream' };

/** @throws RegistryFailure */
export async function hasBlob(
  { caller }: ManifestParts,
  target: Target,
  digest: string,
  push: boolean,
): Promise<boolean> {
  const answer = await caller.call(target, { method: 'HEAD', to: `blobs/${digest}`, expected: [200, 404], push });
  discard(answer);
  return answer.status === 200;
}

/** `from`: a repository of the same registry that has it; undefined: none is known. @throws RegistryFailure */
export async function pushBlob(
  parts: ManifestParts,
  target: Target,
  blob: Descriptor,
  content: Content,
  from: string | undefined,
): Promise<void> {
  const { config, retries } = parts;
  let mount = from;
  const attempt = async (): Promise<void> => {
    // An answer to the last try may have been lost.
    if (await hasBlob(parts, target, blob.digest, true)) return;
    const mountFrom = mount;
    mount = undefined;
    const location = await beginUpload(parts, target, blob, mountFrom);
    if (location === undefined) return;
    await upload(parts, target, blob, content, location);
  };
  await retries.run(attempt, config.tries, target.signal);
}

/** Where to send to; undefined: the registry took it from the other repository. */
async function beginUpload(
  parts: ManifestParts,
  target: Target,
  blob: Descriptor,
  from: string | undefined,
): Promise<URL | undefined> {
  const call: Call = {
    method: 'POST',
    to: 'blobs/uploads/',
    headers: octets,
    body: new Uint8Array(),
    expected: [202],
    push: true,
    tries: 1,
  };
  if (from !== undefined) {
    const mounting: Call = { ...call, query: { mount: blob.digest, from }, from, expected: [201, 202] };
    try {
      const answer = await parts.caller.call(target, mounting);
      discard(answer);
      return answer.status === 201 ? undefined : locationOf(answer, target);
    } catch (error) {
      // Whoever may push here may still not read there.
      if (!isFailure(error) || (error.kind !== 'denied' && error.kind !== 'refused')) throw error;
    }
  }
  const answer = await parts.caller.call(target, call);
  discard(answer);
  return locationOf(answer, target);
}

function locationOf(answer: Answer, { plain }: Target): URL {
  return checkedTarget(answer.url, header(answer, 'location'), 'an upload', plain);
}

async function upload(
  parts: ManifestParts,
  target: Target,
  blob: Descriptor,
  content: Content,
  begun: URL,
): Promise<void> {
  const { caller, config } = parts;
  let location = begun;
  try {
    if (config.uploadChunkBytes > 0 && blob.size > config.uploadChunkBytes) {
      const chunks = new Chunks(content(), blob.size, config.uploadChunkBytes);
      try {
        for (const chunk of chunks) {
          const headers = { ...octets, 'content-range': `${chunk.start}-${chunk.start + chunk.size - 1}` };
          const call: Call = {
            method: 'PATCH',
            to: location,
            headers,
            body: chunk,
            expected: [202],
            push: true,
            tries: 1,
          };
          const answer = await caller.call(target, call);
          discard(answer);
          location = locationOf(answer, target);
        }
      } finally {
        await chunks.close();
      }
      await finish(parts, target, blob, location, new Uint8Array());
    } else await finish(parts, target, blob, location, { size: blob.size, content });
  } catch (error) {
    // Of one that cannot be reached nothing is to be had by another call.
    if (isFailure(error) && error.kind !== 'unreachable') await giveUp(parts, target, location);
    throw error;
  }
}

async function finish(
  { caller }: ManifestParts,
  target: Target,
  blob: Descriptor,
  location: URL,
  body: Call['body'],
): Promise<void> {
  const query = { digest: blob.digest };
  const call: Call = {
    method: 'PUT',
    to: location,
    query,
    headers: octets,
    body,
    expected: [201, 204],
    push: true,
    tries: 1,
  };
  try {
    discard(await caller.call(target, call));
  } catch (error) {
    if (!isFailure(error) || error.status !== 400) throw error;
    const { message, status } = error;
    const advice = `what this node has of ${blob.digest} may be damaged: pull or build the image again`;
    throw new RegistryFailure('refused', message, { status, advice, cause: error });
  }
}

/** Tells the registry that no more will come. It finds out by itself as well, later. */
async function giveUp({ caller }: ManifestParts, target: Target, location: URL): Promise<void> {
  if (target.signal?.aborted === true) return;
  const call: Call = { method: 'DELETE', to: location, expected: [200, 202, 204, 404], push: true, tries: 1 };
  await caller.call(target, call).then(discard, () => undefined);
}
