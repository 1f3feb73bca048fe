/**
 * How objects lie in the store: JSON with kind, apiVersion and metadata first, and without metadata.resourceVersion, which
 * is the revision of the key. The wire form is the same bytes with the resourceVersion put in behind `"metadata":{`, so that
 * an object is serialised once and never again.
 */
import type { KubeObject } from '@timonel/sdk/kube';
import { deepFreeze, type JsonObject } from '../json/plain-json.ts';
import { entriesJson, shareFields, storedEntries } from '../managed-fields/entries.ts';

const metadataMark = Buffer.from('"metadata":{');

/** Makes the stored bytes. */
export function encodeObject(object: KubeObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object as KubeObject & JsonObject;
  const { resourceVersion: _revision, managedFields, ...storedMetadata } = metadata;
  if (managedFields === undefined) {
    return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: storedMetadata, ...rest }));
  }
  // The text of the entries is there already, mostly.
  const head = JSON.stringify({ kind, apiVersion }).slice(0, -1);
  const meta = JSON.stringify(storedMetadata).slice(0, -1);
  const tail = JSON.stringify(rest).slice(1);
  const entries = entriesJson(storedEntries(managedFields));
  const comma = tail === '}' ? '' : ',';
  return Buffer.from(`${head},"metadata":${meta}${meta === '{' ? '' : ','}"managedFields":${entries}}${comma}${tail}`);
}

function bufferOf(stored: Uint8Array): Buffer {
  return Buffer.isBuffer(stored) ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** Where the resourceVersion goes in stored bytes. */
export function wireMark(stored: Uint8Array): number {
  return bufferOf(stored).indexOf(metadataMark) + metadataMark.length;
}

/** The length of `resourceVersionText`, without making it. */
export function resourceVersionBytes(revision: number, emptyMetadata: boolean): number {
  let digits = 1;
  for (let rest = revision; rest >= 10; rest /= 10) digits += 1;
  return '"resourceVersion":""'.length + digits + (emptyMetadata ? 0 : 1);
}

/** What is put in there. ASCII. */
export function resourceVersionText(revision: number, emptyMetadata: boolean): string {
  return `"resourceVersion":"${revision}"${emptyMetadata ? '' : ','}`;
}

/** The object of stored bytes at a revision, frozen. */
export function decodeObject(stored: Uint8Array, revision: number): KubeObject {
  const object = JSON.parse(bufferOf(stored).toString('utf8')) as KubeObject;
  object.metadata.resourceVersion = String(revision);
  if (object.metadata.managedFields !== undefined) shareFields(object.metadata.managedFields);
  return deepFreeze(object);
}
