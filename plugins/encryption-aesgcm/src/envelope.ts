/** A sealed value: `k8s:enc:aesgcm:v1:<key id>:`, then what AES-256-GCM makes of it. Bound to its key in the store. */
import type { Random } from '@timonel/sdk';
import { sealedMark } from '@timonel/sdk/contracts/encryption';
import { encrypt } from '@timonel/sdk/pki';

const mark = Buffer.from(`${sealedMark}aesgcm:v1:`);
const colon = 0x3a;
const idLimitBytes = 32;

export interface DataKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

export function sealValue({ id, secret }: DataKey, path: string, value: Uint8Array, random: Random): Buffer {
  return Buffer.concat([mark, Buffer.from(`${id}:`), encrypt(secret, path, value, random)]);
}

/** The id of the key of a sealed value, and where what it seals begins. Undefined: it is not sealed by AES-GCM. */
export function headOf(value: Uint8Array): { readonly id: string; readonly from: number } | undefined {
  if (!mark.every((byte, index) => value[index] === byte)) return undefined;
  const end = value.indexOf(colon, mark.length);
  if (end === -1 || end - mark.length > idLimitBytes) return undefined;
  return { id: Buffer.from(value.subarray(mark.length, end)).toString('latin1'), from: end + 1 };
}
