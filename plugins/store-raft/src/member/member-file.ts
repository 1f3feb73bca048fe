/** `member.json`: who this data directory belongs to. Written once, before anything else. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@timonel/sdk';
import { writeFileAtomically } from '@timonel/sdk/files';
import { corruptFile } from '../lmdb-file.ts';

export interface MemberIdentity {
  readonly format: 1;
  readonly memberId: string;
}

export function memberFile(dataDir: string): string {
  return join(dataDir, 'member.json');
}

/** undefined: the directory is new. @throws StoreError CORRUPT */
export async function readMemberFile(dataDir: string): Promise<MemberIdentity | undefined> {
  const path = memberFile(dataDir);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = parse(text);
  if (parsed?.format !== 1 || typeof parsed.memberId !== 'string' || parsed.memberId === '') {
    throw corruptFile(path, 'it does not name a member');
  }
  return { format: 1, memberId: parsed.memberId };
}

function parse(text: string): Partial<Record<keyof MemberIdentity, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export async function writeMemberFile(dataDir: string, memberId: string): Promise<void> {
  const identity: MemberIdentity = { format: 1, memberId };
  await writeFileAtomically(memberFile(dataDir), `${JSON.stringify(identity)}\n`, 0o600);
}
