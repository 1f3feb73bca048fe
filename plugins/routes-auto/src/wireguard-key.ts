/**
 * The key of this node, and those that others publish in their Node objects.
 *
 * A node that published another's key could cut that one off: WireGuard knows its peers by their keys. So each key is published with a proof
 * that its owner meant it for this node: what is published is an Ed25519 key with a signature, from which everybody computes the key of
 * WireGuard (X25519). Sources: RFC 8032, section 5.1; RFC 7748, section 4.1 (the map between the two curves) and section 5 (scalars).
 */
import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';

/** Of Node objects. */
export const wireguardAnnotation = 'network.timonel.dev/wireguard';

/** What a node tells the others. */
export interface Announcement {
  /** Of WireGuard: base64. */
  readonly publicKey: string;
  readonly port: number;
  /** Its pods are reached through a tunnel by all nodes, also by those on its links. */
  readonly forAll: boolean;
}

export interface NodeKey {
  /** Of WireGuard: base64. */
  readonly privateKey: string;
  readonly publicKey: string;
  /** The value of the annotation. */
  announce(nodeName: string, port: number, forAll: boolean): string;
}

const longestAnnouncement = 512;
const fieldPrime = 2n ** 255n - 19n;
/** Of a private Ed25519 key in PKCS #8; the seed follows. Source: RFC 8410, section 7. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Reads the key of this node, or makes one. @throws Error when the file holds something else */
export async function loadKey(path: string): Promise<NodeKey> {
  const text = (await readFileIfThere(path))?.trim();
  if (text === undefined) {
    const seed = randomBytes(32);
    await writeFileAtomically(path, `${seed.toString('base64')}\n`, 0o600);
    return keyOf(seed);
  }
  const seed = Buffer.from(text, 'base64');
  if (seed.length !== 32 || seed.toString('base64') !== text) {
    throw new Error(`the file ${path} holds no key: remove it, and another key is made at the next start`);
  }
  await chmod(path, 0o600);
  return keyOf(seed);
}

function keyOf(seed: Buffer): NodeKey {
  const signer = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  const { x = '' } = createPublicKey(signer).export({ format: 'jwk' });
  const scalar = createHash('sha512').update(seed).digest().subarray(0, 32);
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = ((scalar[31] ?? 0) & 0x7f) | 0x40;
  return {
    privateKey: scalar.toString('base64'),
    publicKey: wireguardKeyOf(x),
    announce(nodeName, port, forAll) {
      const said = { key: x, port, ...(forAll ? { all: true } : {}) };
      const proof = sign(null, signedText(nodeName, x, port, forAll), signer).toString('base64url');
      return JSON.stringify({ ...said, proof });
    },
  };
}

const verifyAside = promisify<null, Buffer, KeyObject, Buffer, boolean>(verify);

/** The announcement of a node, or undefined when it is none of this node's. */
export async function readAnnouncement(nodeName: string, text: string): Promise<Announcement | undefined> {
  if (text === '' || text.length > longestAnnouncement) return undefined;
  try {
    const { key, port, all = false, proof } = JSON.parse(text) as Record<string, unknown>;
    if (typeof key !== 'string' || typeof proof !== 'string' || typeof all !== 'boolean') return undefined;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
    const signature = Buffer.from(proof, 'base64url');
    if (!(await verifyAside(null, signedText(nodeName, key, port, all), publicKeyOf(key), signature))) return undefined;
    return { publicKey: wireguardKeyOf(key), port, forAll: all };
  } catch {
    return undefined;
  }
}

function signedText(nodeName: string, key: string, port: number, forAll: boolean): Buffer {
  return Buffer.from(JSON.stringify([wireguardAnnotation, nodeName, key, port, forAll]));
}

function publicKeyOf(x: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** u = (1 + y) / (1 - y): the same point on the other curve. Both are written with the lowest byte first. */
function wireguardKeyOf(x: string): string {
  const bytes = Buffer.from(x, 'base64url').reverse();
  const y = BigInt(`0x${bytes.toString('hex')}`) & (2n ** 255n - 1n);
  const u = ((1n + y) * inverse(1n - y + fieldPrime)) % fieldPrime;
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse().toString('base64');
}

/** By Fermat's theorem. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let base = value % fieldPrime;
  for (let exponent = fieldPrime - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * base) % fieldPrime;
    base = (base * base) % fieldPrime;
  }
  return result;
}
