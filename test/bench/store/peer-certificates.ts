/** Certificates for the connections of members to each other, ours and etcd's alike. */
import { createRealEnv } from '@timonel/core/env';
import {
  certificateFile,
  issueIdentity,
  keyFile,
  makeAuthority,
  peerProfile,
  writeCertificateFile,
  writeIdentity,
} from '@timonel/sdk/pki';

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Writes an authority and a certificate for each member into the folder. */
export async function writePeerCertificates(dir: string, members: readonly string[]): Promise<CertificateFiles[]> {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  await writeCertificateFile(dir, 'ca', authority.certificatePem);
  return Promise.all(
    members.map(async (member) => {
      await writeIdentity(dir, member, await issueIdentity(env, authority, peerProfile(member, ['127.0.0.1'])));
      return {
        caFile: certificateFile(dir, 'ca'),
        certFile: certificateFile(dir, member),
        keyFile: keyFile(dir, member),
      };
    }),
  );
}
