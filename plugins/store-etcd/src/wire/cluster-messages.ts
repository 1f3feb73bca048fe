/** What etcd tells of its members. */
import { MessageReader } from './protobuf.ts';

export interface MemberStatus {
  readonly memberId: string;
  readonly version: string;
  readonly sizeBytes: number;
  /** Undefined while there is none. */
  readonly leaderId: string | undefined;
  readonly term: number;
  readonly appliedIndex: number;
}

export interface EtcdMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly learner: boolean;
}

/** Ids as etcdctl prints them. */
function hex(id: bigint): string {
  return id.toString(16);
}

function memberId(header: Buffer): string {
  const reader = new MessageReader(header);
  while (reader.next()) if (reader.field === 2) return hex(reader.bigint());
  return '';
}

export function decodeStatus(bytes: Buffer): MemberStatus {
  const status = { memberId: '', version: '', sizeBytes: 0, leaderId: '0', term: 0, appliedIndex: 0 };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) status.memberId = memberId(reader.bytes());
    else if (reader.field === 2) status.version = reader.text();
    else if (reader.field === 3) status.sizeBytes = reader.number();
    else if (reader.field === 4) status.leaderId = hex(reader.bigint());
    else if (reader.field === 6) status.term = reader.number();
    else if (reader.field === 7) status.appliedIndex = reader.number();
  }
  return { ...status, leaderId: status.leaderId === '0' ? undefined : status.leaderId };
}

function decodeMember(bytes: Buffer): EtcdMember {
  const peerUrls: string[] = [];
  const member = { id: '', name: '', peerUrls, learner: false };
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) member.id = hex(reader.bigint());
    else if (reader.field === 2) member.name = reader.text();
    else if (reader.field === 3) peerUrls.push(reader.text());
    else if (reader.field === 5) member.learner = reader.flag();
  }
  return member;
}

export function decodeMembers(bytes: Buffer): EtcdMember[] {
  const members: EtcdMember[] = [];
  const reader = new MessageReader(bytes);
  while (reader.next()) if (reader.field === 2) members.push(decodeMember(reader.bytes()));
  return members;
}
