import type { Channel } from './cri/channel.ts';
import type { OciSpec, SpecAddition } from './spec-additions.ts';

/**
 * containerd runs a container by the record that the CRI has made of it: what the CRI has no words for goes in there, before the start.
 * @throws CallError
 */
export async function addToSpec(channel: Channel, id: string, additions: readonly SpecAddition[]): Promise<void> {
  if (additions.length === 0) return;
  const { container } = await channel.call('GetRecord', { id });
  const spec = container?.spec;
  if (spec === undefined || spec === null) throw new Error('containerd tells no specification of the container');
  const before = JSON.parse(Buffer.from(spec.value).toString('utf8')) as OciSpec;
  const after = additions.reduce((changed, add) => add(changed), before);
  const value = Buffer.from(JSON.stringify(after));
  const updateMask = { paths: ['spec'] };
  await channel.call('UpdateRecord', { container: { id, spec: { typeUrl: spec.typeUrl, value } }, updateMask });
}
