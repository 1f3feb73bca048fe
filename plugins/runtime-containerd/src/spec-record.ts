import type { Channel } from './cri/channel.ts';
import type { Answers } from './cri/types.ts';
import { parseExactly, stringifyExactly } from './exact-json.ts';
import type { OciSpec, SpecAddition } from './spec-additions.ts';

/** Says in a specification that all was added: a container of which a crash left less must not be started. */
const completeAnnotation = 'timonel.io/complete';

type SpecRecord = NonNullable<NonNullable<Answers['GetRecord']['container']>['spec']>;

/**
 * containerd runs a container by the record that the CRI has made of it: what the CRI has no words for goes in there, before the start.
 * @throws CallError
 */
export async function addToSpec(channel: Channel, id: string, additions: readonly SpecAddition[]): Promise<void> {
  const record = await recordOf(channel, id);
  const spec = additions.reduce((changed, add) => add(changed), parse(record));
  const annotations = { ...spec.annotations, [completeAnnotation]: 'true' };
  const value = Buffer.from(stringifyExactly({ ...spec, annotations }));
  const updateMask = { paths: ['spec'] };
  await channel.call('UpdateRecord', { container: { id, spec: { typeUrl: record.typeUrl, value } }, updateMask });
}

export async function isComplete(channel: Channel, id: string): Promise<boolean> {
  return parse(await recordOf(channel, id)).annotations?.[completeAnnotation] === 'true';
}

async function recordOf(channel: Channel, id: string): Promise<SpecRecord> {
  const { container } = await channel.call('GetRecord', { id });
  const spec = container?.spec;
  if (spec === undefined || spec === null) throw new Error('containerd tells no specification of the container');
  return spec;
}

function parse({ value }: SpecRecord): OciSpec {
  return parseExactly(Buffer.from(value).toString('utf8')) as OciSpec;
}
