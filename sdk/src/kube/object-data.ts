/** What ConfigMaps and Secrets hold, as bytes. */
import type { ConfigMap, Secret } from './core.ts';

/** All entries of a ConfigMap. */
export function configMapEntries(object: ConfigMap): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) entries.set(key, Buffer.from(value, 'utf8'));
  for (const [key, value] of Object.entries(object.binaryData ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  return entries;
}

/** All entries of a Secret. */
export function secretEntries(object: Secret): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  return entries;
}
