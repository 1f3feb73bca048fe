/** The server of `extension-server.mjs` as a process of its own, with an authority of its own. */
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { issueIdentity, makeAuthority } from '@timonel/sdk/pki';
import { until } from '@timonel/testkit';
import { RunningProgram } from './running-program.ts';

export const extensionScript: string = join(import.meta.dirname, 'extension-server.mjs');

export interface ExtensionKeys {
  readonly key: string;
  readonly certificate: string;
  /** PEM in base64, as APIServices have it. */
  readonly caBundle: string;
}

/** `service`: as in `api.wardle`. */
export async function extensionKeys(service: string): Promise<ExtensionKeys> {
  const env = createRealEnv();
  const authority = await makeAuthority(env);
  const profile = { commonName: 'wardle', names: [`${service}.svc`], usages: ['server'] } as const;
  const { keyPem, certificatePem } = await issueIdentity(env, authority, profile);
  const caBundle = Buffer.from(authority.certificatePem).toString('base64');
  return { key: keyPem, certificate: certificatePem, caBundle };
}

export interface ExtensionServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** `clientAuthority`: whose certificates it believes; absent: anybody. */
export async function startExtensionServer(keys: ExtensionKeys, clientAuthority?: string): Promise<ExtensionServer> {
  const program = new RunningProgram(process.execPath, [extensionScript], {
    KEY: keys.key,
    CERT: keys.certificate,
    ...(clientAuthority === undefined ? {} : { CLIENT_CA: clientAuthority }),
  });
  try {
    const port = await until(() => Number(/^listening (\d+)$/m.exec(program.output)?.[1]), {
      what: 'the port of the extension server',
    });
    return {
      port,
      async stop() {
        program.child.kill('SIGKILL');
        await program.ended;
      },
    };
  } catch (error) {
    program.child.kill('SIGKILL');
    throw error;
  }
}
