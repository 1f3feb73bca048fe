/** The first frame in each direction: both sides say who they are before anything else. */
import type { MemberId } from '../raft/index.ts';
import { nameField, tupleField } from './fields.ts';
import { frameKind, frameOf, type Frame } from './frames.ts';
import { wireLimits } from './limits.ts';
import { attempt, malformed } from './malformed.ts';
import { packPlain, unpackPlain } from './message-pack.ts';

const magic = Buffer.from('timonel-raft', 'latin1');
const versionBytes = 2;
/** Goes up with every change of the frames that an older member would misread. */
export const protocolVersion = 1;

export interface Hello {
  readonly memberId: MemberId;
  /** Undefined: not known yet. */
  readonly clusterId: string | undefined;
}

export function encodeHello({ memberId, clusterId }: Hello, version: number = protocolVersion): Buffer {
  const number = Buffer.alloc(versionBytes);
  number.writeUInt16BE(version);
  return frameOf(frameKind.hello, Buffer.concat([magic, number, packPlain([memberId, clusterId ?? null])]));
}

/** A sentence when the peer and this member cannot work together. `peerId`: whom its certificate names. */
export function helloProblem(frame: Frame, own: Hello, peerId: MemberId): string | undefined {
  const result = attempt(() => decodeHello(frame));
  if ('problem' in result) return `it does not speak the protocol of the store: ${result.problem}`;
  const { memberId, clusterId } = result.value;
  if (memberId !== peerId) return `it says that it is member ${memberId}, its certificate that it is ${peerId}`;
  if (clusterId === undefined || own.clusterId === undefined || clusterId === own.clusterId) return undefined;
  return `it belongs to the cluster ${clusterId}, this member to ${own.clusterId}`;
}

function decodeHello({ kind, payload }: Frame): Hello {
  if (kind !== frameKind.hello) malformed('its first frame is not a greeting');
  const restAt = magic.length + versionBytes;
  if (payload.length < restAt || !payload.subarray(0, magic.length).equals(magic)) malformed('its greeting is unknown');
  const version = payload.readUInt16BE(magic.length);
  if (version !== protocolVersion) {
    malformed(`it speaks version ${version}, this member version ${protocolVersion}: bring both to the same release`);
  }
  const [memberId, clusterId] = tupleField(unpackPlain(payload.subarray(restAt)), 'its greeting', 2);
  return {
    memberId: nameField(memberId, 'its member id', wireLimits.idBytes),
    clusterId: clusterId === null ? undefined : nameField(clusterId, 'its cluster id', wireLimits.idBytes),
  };
}
