/** The member's certificate, read again when its files change; and who may be on the other side. */
import { constants, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type PeerCertificate, type SecureContext } from 'node:tls';
import { errorMessage, invariant, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { MemberId } from '../raft/index.ts';
import type { TroubleLog } from './trouble-log.ts';

/** Organisation (O) in the certificate of every member of the store. */
export const memberOrganisation = 'timonel:store-members';

export interface CredentialFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** As `tls.createSecureContext` and `server.setSecureContext` take it. */
export interface SecureOptions {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.3';
  readonly secureOptions: number;
}

export interface CredentialsOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly trouble: TroubleLog;
  readonly files: CredentialFiles;
  readonly memberId: MemberId;
  readonly checkMs: number;
  readonly onChange: (options: SecureOptions) => void;
}

export class Credentials {
  readonly #config: CredentialsOptions;
  #options: SecureOptions;
  #context: SecureContext;
  readonly #poll: TimerHandle;
  #reading: Promise<void> | undefined;

  /** @throws Error with a sentence, when the files cannot be used */
  static async open(config: CredentialsOptions): Promise<Credentials> {
    const options = await readOptions(config.files);
    return new Credentials(config, options, checkedContext(options, config));
  }

  private constructor(config: CredentialsOptions, options: SecureOptions, context: SecureContext) {
    this.#config = config;
    this.#options = options;
    this.#context = context;
    // The files are small; their content is the only thing that says for sure whether they changed.
    this.#poll = config.env.timers.every(config.checkMs, () => {
      this.#reading ??= this.#check().finally(() => (this.#reading = undefined));
    });
  }

  get options(): SecureOptions {
    return this.#options;
  }

  /** For outgoing connections. */
  get context(): SecureContext {
    return this.#context;
  }

  async close(): Promise<void> {
    this.#poll.cancel();
    await this.#reading;
  }

  async #check(): Promise<void> {
    const { files, log, trouble, onChange } = this.#config;
    try {
      const options = await readOptions(files);
      const { ca, cert, key } = this.#options;
      if (options.ca === ca && options.cert === cert && options.key === key) return;
      const context = checkedContext(options, this.#config);
      this.#options = options;
      this.#context = context;
      onChange(options);
      log.info({ validTo: new X509Certificate(options.cert).validTo }, 'uses its new certificate');
    } catch (error) {
      trouble.warn(
        `certificate ${errorMessage(error)}`,
        { reason: errorMessage(error) },
        'keeps its former certificate: the files cannot be used now',
      );
    }
  }
}

async function readOptions({ caFile, certFile, keyFile }: CredentialFiles): Promise<SecureOptions> {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map((file) => readFile(file, 'utf8')));
  return {
    ca: ca as string,
    cert: cert as string,
    key: key as string,
    minVersion: 'TLSv1.3',
    // A session that is taken up again would pass by the check of the certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function checkedContext(options: SecureOptions, { files, memberId }: CredentialsOptions): SecureContext {
  let context: SecureContext;
  let subject: unknown;
  try {
    context = createSecureContext(options);
    subject = new X509Certificate(options.cert).toLegacyObject().subject;
  } catch (error) {
    throw new Error(
      `the files ${files.caFile}, ${files.certFile} and ${files.keyFile} are no certificate with its key: ${errorMessage(error)}`,
      { cause: error },
    );
  }
  const problem = subjectProblem(subject, memberId);
  if (problem !== undefined)
    throw new Error(`${files.certFile} is not the certificate of member ${memberId}: ${problem}`);
  return context;
}

/** What is wrong with the certificate of a peer of which the chain has been checked. `expected`: undefined, any member. */
export function peerProblem(certificate: PeerCertificate, expected: MemberId | undefined): string | undefined {
  return subjectProblem(certificate.subject, expected);
}

/** The member that a certificate without a problem names. */
export function peerIdOf({ subject }: PeerCertificate): MemberId {
  invariant(typeof subject.CN === 'string', 'the certificate of a member has one common name');
  return subject.CN;
}

function subjectProblem(subject: unknown, expected: MemberId | undefined): string | undefined {
  const { CN, O } = (subject ?? {}) as { readonly CN?: unknown; readonly O?: unknown };
  if (O !== memberOrganisation) return `its organisation (O) is not ${memberOrganisation}`;
  // Several common names come as a list.
  if (typeof CN !== 'string' || CN === '') return 'it has not exactly one common name (CN)';
  return expected === undefined || CN === expected ? undefined : `its common name (CN) is ${CN}, not ${expected}`;
}
