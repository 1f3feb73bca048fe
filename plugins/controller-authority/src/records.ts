/** What each server has: it says so in the store, so that whoever leads knows whom a next step would cut off. */
import type { Env } from '@timonel/sdk';
import type { Store } from '@timonel/sdk/contracts/store';
import { timestampOf } from '@timonel/sdk/kube';
import {
  identityNames,
  readAuthorities,
  readBundle,
  readCertificate,
  readCertificateFile,
  signerOf,
} from '@timonel/sdk/pki';
import { z } from 'zod';

const prefix = '/timonel/authority/servers/';
/** Of a server that is gone for good. */
const forgottenMs = 400 * 86_400_000;

export interface CertificateRecord {
  readonly name: string;
  /** Id of the authority; empty: none that the server believes. */
  readonly issuer: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

export interface ServerRecord {
  readonly name: string;
  /** RFC 3339, by that server's clock. */
  readonly at: string;
  /** Ids of the authorities that it believes, that first which signs. */
  readonly trusts: readonly string[];
  readonly certificates: readonly CertificateRecord[];
}

const recordSchema: z.ZodType<ServerRecord> = z.object({
  name: z.string(),
  at: z.string(),
  trusts: z.array(z.string()),
  certificates: z.array(z.object({ name: z.string(), issuer: z.string(), notAfter: z.string() })),
});

/** Certificates in the directory of a server. */
const ownNames = [identityNames.apiserver, identityNames.peer, identityNames.masterClient];

/** What this server has in its files. @throws PkiError */
export async function ownRecord(env: Env, name: string, directory: string): Promise<ServerRecord> {
  const bundle = (await readAuthorities(directory)) ?? '';
  const certificates: CertificateRecord[] = [];
  for (const file of ownNames) {
    const pem = await readCertificateFile(directory, file);
    if (pem === undefined) continue;
    const issuer = signerOf(pem, bundle);
    certificates.push({
      name: file,
      issuer: issuer === undefined ? '' : readCertificate(issuer).publicKeyFingerprint,
      notAfter: timestampOf(readCertificate(pem).notAfter),
    });
  }
  const trusts = readBundle(bundle).map(({ publicKeyFingerprint }) => publicKeyFingerprint);
  return { name, at: env.clock.timestamp(), trusts, certificates };
}

/** @throws StoreError */
export async function writeRecord(store: Pick<Store, 'txn'>, record: ServerRecord): Promise<void> {
  const value = Buffer.from(JSON.stringify(record));
  await store.txn({ compare: [], success: [{ op: 'put', key: `${prefix}${record.name}`, value }] });
}

/** Of all servers; what cannot be read is left out. @throws StoreError */
export async function readRecords(store: Pick<Store, 'range'>, nowMs: number): Promise<readonly ServerRecord[]> {
  const { kvs } = await store.range({ prefix });
  return kvs.flatMap(({ value }) => {
    try {
      const record = recordSchema.parse(JSON.parse(Buffer.from(value).toString('utf8')));
      return nowMs - Date.parse(record.at) > forgottenMs ? [] : [record];
    } catch {
      return [];
    }
  });
}
