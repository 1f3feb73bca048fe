/** Waits until a volume is attached to this node: others do that. */
import { errorMessage, type Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { isNotFound, volumeAttachments, type VolumeAttachment } from '@timonel/sdk/kube';
import { attachmentName } from '@timonel/sdk/volumes';
import type { WantedVolume } from './wanted.ts';

export interface AttachmentsOptions {
  readonly api: ApiClient;
  readonly env: Env;
  readonly nodeName: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const pollMs = 300;

/** What the one who attached it tells the driver here. @throws VolumeError when it is not attached in time */
export async function attachedMetadata(
  { driver, handle, specName }: WantedVolume,
  options: AttachmentsOptions,
): Promise<Readonly<Record<string, string>>> {
  const { api, env, nodeName, timeoutMs, signal } = options;
  const name = attachmentName(handle, driver, nodeName);
  const endAt = env.clock.monotonic() + timeoutMs;
  for (;;) {
    const found = await api.get(volumeAttachments, { name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw new VolumeError(`volume ${specName}: whether it is attached is not known: ${errorMessage(error)}`);
    });
    if (found?.status?.attached === true && found.metadata.deletionTimestamp === undefined)
      return found.status.attachmentMetadata ?? {};
    if (env.clock.monotonic() >= endAt || signal.aborted) throw new VolumeError(whyNot(specName, nodeName, found));
    await env.timers.sleep(pollMs, signal).catch(() => undefined);
  }
}

function whyNot(volume: string, node: string, found: VolumeAttachment | undefined): string {
  const text = `volume ${volume} is not attached to node ${node} yet`;
  if (found === undefined) return `${text}: there is no VolumeAttachment for it`;
  if (found.metadata.deletionTimestamp !== undefined) return `${text}: its former attachment is being undone`;
  const error = found.status?.attachError?.message ?? '';
  const attacher = found.spec?.attacher ?? '';
  return error === '' ? `${text}: the attacher of ${attacher} has not answered` : `${text}: ${error}`;
}
